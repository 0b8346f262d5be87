"""Surveys: the tasks of a build with their calls, and other forms of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.autotune.database import Database
from compiler.autotune.lookup import TunedChoices
from compiler.codegen.analytic import estimator
from compiler.ir import ROW_MAJOR
from compiler.ir.ops.constant import Constant
from compiler.model_tuner.networks import FIRST_PASS, load_network, network_names, save_network
from compiler.model_tuner.survey import Model, SecondsOf, Survey, tuning_tasks, what_is_computed, without_costs
from compiler.passes import PassManager, context_for
from compiler.targets import resolve
from tests.autotune.database.samples import VALIDITY, record_of
from tests.model_tuner.samples import network
from tests.model_tuner.test_forest_forms import costs_of

TARGET = resolve("znver4")
PEAK = 1e11


SECONDS = estimator(TARGET)


def small() -> Model:
    return without_costs("small", network(), PassManager.parse("standard"), TARGET)


def surveyed(seconds: SecondsOf) -> Survey:
    (survey,) = small().surveys(TARGET, costs_of(seconds), seconds)
    return survey


def test_a_survey_lists_the_kernels_of_a_build() -> None:
    survey = surveyed(SECONDS)
    convolutions = [task for task in survey.calls if " conv(" in task.text or "winograd_conv(" in task.text]
    assert len(convolutions) == 2 and all(survey.calls[task] == 1 for task in convolutions)
    assert set(survey.calls) == set(survey.names) and set(survey.calls) <= set(survey.costs)
    assert survey.seconds > 0


def test_other_forms_have_the_calls_of_the_chosen_one_and_its_cost() -> None:
    survey = surveyed(SECONDS)
    tasks = tuning_tasks([survey], [survey], TARGET, PEAK)
    chosen = {what_is_computed(t.task): t for t in tasks if t.chosen}
    others = [t for t in tasks if not t.chosen]
    assert others and len({t.task for t in tasks}) == len(tasks)
    for form in others:
        rival = chosen[what_is_computed(form.task)]
        assert form.weight == rival.weight and form.rival == pytest.approx(rival.rival)
        assert survey.costs[form.task] <= 1.5 * survey.costs[rival.task]


def test_forms_share_what_they_compute() -> None:
    survey = surveyed(SECONDS)
    keys = {what_is_computed(task) for task in survey.costs if " conv(" in task.text or "winograd_conv(" in task.text}
    assert len(keys) == 2


def test_measured_costs_change_what_is_chosen() -> None:
    """A record that says that a form is very fast makes builds take it."""
    survey = surveyed(SECONDS)
    tasks = tuning_tasks([survey], [survey], TARGET, PEAK)
    fast = next(
        t.task for t in tasks if not t.chosen and t.task.region and t.task.region.outputs[0].type.layout != ROW_MAJOR
    )
    again = surveyed(lambda task: 1e-9 if task == fast else SECONDS(task))
    assert fast in again.calls
    retold = {t.task: t for t in tuning_tasks([again], [survey], TARGET, PEAK)}
    former = next(task for task in survey.calls if what_is_computed(task) == what_is_computed(fast))
    assert retold[fast].chosen and not retold[former].chosen


def test_records_of_one_form_choose_its_kernel_and_not_the_form() -> None:
    """Only what was measured of two forms tells them apart; else a build has the forms that it has without records."""
    before = surveyed(SECONDS)
    others = [t.task for t in tuning_tasks([before], [before], TARGET, PEAK) if not t.chosen]
    chosen = {what_is_computed(task): task for task in before.calls}
    other = next(task for task in others if what_is_computed(task) in chosen)
    own = chosen[what_is_computed(other)]
    fingerprint = TARGET.fingerprint()
    with Database.in_memory("records") as database:
        database.add(other, [record_of(other, 1e-9, fingerprint=fingerprint)])
        assert set(recorded(database).calls) == set(before.calls)
        database.add(own, [record_of(own, 1e-3, fingerprint=fingerprint)])
        assert other in recorded(database).calls


def recorded(database: Database) -> Survey:
    tuned = TunedChoices([database], TARGET, lambda: VALIDITY)
    (survey,) = small().surveys(TARGET, tuned.costs, tuned.seconds)
    return survey


def test_several_models_count_alike() -> None:
    survey = surveyed(SECONDS)
    tasks = tuning_tasks([survey, survey], [survey, survey], TARGET, 1e30)
    assert sum(t.weight * t.rival for t in tasks if t.chosen) == pytest.approx(2.0)


def test_no_bound_is_above_the_expected_time() -> None:
    survey = surveyed(SECONDS)
    assert all(t.bound <= t.rival for t in tuning_tasks([survey], [survey], TARGET, 1e6))


def test_what_passes_did_before_costs_mattered_is_kept() -> None:
    model = small()
    assert [step.name for step in model.rest.passes][-1] == "choose-layouts"
    assert len(model.rest.passes) < len(PassManager.parse("standard").passes)
    whole = PassManager.parse("standard").run(network(), context=context_for(TARGET))
    assert str(model.rest.run(model.load(), context=context_for(TARGET))) == str(whole)


@pytest.mark.parametrize("name", ["mobilenetv2", "encoder"])
@pytest.mark.parametrize("target", ["znver4", "arm_cortex_a72", "x86-64-v2"])
def test_standard_networks_have_tasks_for_every_target(name: str, target: str) -> None:
    passes = PassManager.parse("standard").passes
    rest = PassManager(passes[[step.name for step in passes].index(FIRST_PASS) :])
    seconds = estimator(resolve(target))
    model = Model(name, lambda: load_network(name), rest)
    (survey,) = model.surveys(resolve(target), costs_of(seconds), seconds)
    assert len(survey.calls) >= 5


def test_networks_are_small_and_keep_no_weights(tmp_path: Path) -> None:
    assert len(network_names()) >= 20
    path = save_network(load_network("resnet50"), "again", tmp_path)
    assert path.stat().st_size < 10_000
    assert str(load_network("again", tmp_path)) == str(load_network("resnet50"))
    with pytest.raises(KeyError):
        load_network("no such network")


def test_no_two_constants_of_a_network_are_the_same() -> None:
    """Else passes would take the projections of an attention for one."""
    values = [node.op.value for node in load_network("encoder") if isinstance(node.op, Constant)]
    digests = [value.digest for value in values if not value.is_inline]
    assert len(digests) == len(set(digests)) > 10
