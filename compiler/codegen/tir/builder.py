"""Emit one kernel as a TIR loop nest.

Owns the kernel's calling convention and its statement structure. Knows nothing of tasks, layouts or targets;
a schedule template drives it::

    k = KernelBuilder("k_relu")
    x = k.pointer("x", DType.F32, (rows, 64))
    y = k.pointer("y", DType.F32, (rows, 64))
    with k.parallel(rows) as i:
        for j, width in k.strips(64, 16):
            value = k.let(x[i, lanes(j, width)], "value")
            y[i, lanes(j, width)] = select(value < 0.0, 0.0, value)
    func = k.finish()

The function is ``void k_relu(const float *x, float *y, int32_t begin, int32_t end)``: pointers in the order
of their declaration (operands, results, scratch), then the range of the outermost loop, which the caller may
split over threads in any way.

Vectors are explicit: a body computes with vector values (``lanes``, ``strips``), there is no loop that turns
into one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tvm import tirx
from tvm.ir import Expr, Op, PointerType, PrimType, make_node

from compiler.codegen.tir.array import Array, Index, flat_buffer, make_array
from compiler.codegen.tir.dtypes import storage_type
from compiler.codegen.tir.expr import cast, literal, not_equal
from compiler.ir.dtypes import DType

PARALLEL_EXTENT = "kiln.parallel_extent"
"""Function attribute: how many iterations the outermost loop has, that is the largest useful ``end``."""


SCALAR = "kiln.scalar"
"""Function attribute: LLVM must not make vectors of what is written as scalars."""


class KernelError(Exception):
    """A template drove the builder wrongly; the message names the kernel."""


class KernelBuilder:
    """Builds one ``PrimFunc``; see the module docstring for the idiom.

    ``index_bits`` is the width of index arithmetic: the target's pointer width, so that no address needs a
    sign extension (64-bit) or a register pair (32-bit). ``scalar``: side by side loads from addresses that are data
    stay loads; LLVM takes gathers for cheaper than they are.

    The pointers of a call must not overlap where one of them is written, except that a result may be exactly
    one of the operands if the kernel reads each element before it writes the same one, and not again after.
    (TVM tells LLVM so in any case, through its type-based alias metadata.)
    """

    def __init__(self, name: str, *, index_bits: int = 64, scalar: bool = False) -> None:
        self.name = name
        self._scalar = scalar
        self.index_type = f"int{index_bits}"
        self._params: list[tirx.Var] = []
        self._frames: list[list[tirx.Stmt]] = [[]]
        self._begin = tirx.Var("begin", "int32")
        self._end = tirx.Var("end", "int32")
        self._parallel_extent: int | None = None

    def emit(self, statement: tirx.Stmt) -> None:
        """Append a statement at the current place."""
        self._frames[-1].append(statement)

    def pointer(self, name: str, dtype: DType, shape: Sequence[int]) -> Array:
        """Declare the next pointer parameter and its physical row-major shape."""
        if len(self._frames) > 1:
            raise KernelError(f"{self.name}: pointer {name} is declared inside a loop")
        handle = tirx.Var(f"{name}_pointer", PointerType(PrimType(storage_type(dtype))))
        self._params.append(handle)
        array = make_array(name, dtype, shape, index_type=self.index_type, emit=self.emit, data=handle)
        self.emit(tirx.DeclBuffer(array.buffer, data=handle))
        return array

    def view(self, memory: Array, dtype: DType, start: int, shape: Sequence[int]) -> Array:
        """Bytes of ``memory``, from byte ``start`` on, as an array of another type.

        Whatever is stored through one view must be read through views of the same type: the code generator takes
        accesses of different types for distinct memory. ``start`` is a multiple of the element's size.
        """
        elements = math.prod(memory.shape) // dtype.bytes
        array = make_array(
            "view", dtype, (elements,), index_type=self.index_type, emit=self.emit, data=memory.buffer.data
        )
        self.emit(tirx.DeclBuffer(array.buffer, data=memory.buffer.data))
        return array.part(start // dtype.bytes, shape)

    def registers(self, name: str, dtype: DType, shape: Sequence[int]) -> Array:
        """A small local array. It ends up in registers when every index is constant after unrolling, which is
        what accumulators want; otherwise on the stack."""
        array = make_array(name, dtype, shape, index_type=self.index_type, emit=self.emit)
        self.emit(tirx.AllocBuffer(array.buffer))
        return array

    def let(self, value: Expr, name: str) -> Expr:
        """Name ``value``, so that using it twice computes it once.

        It becomes a one-element local buffer, which is a register in the machine code. TIR's own binding
        would be prettier, but TVM's analyzers substitute bound values into each other, which takes
        exponential time.
        """
        if isinstance(value, tirx.Var | tirx.IntImm | tirx.FloatImm):
            return value
        if value.ty.dtype.is_bool:
            # TVM stores vectors of booleans wrongly, so a condition is kept as bytes.
            held = self._hold(cast(value, "uint8"), name)
            return not_equal(held, literal(0, "uint8", like=held))
        return self._hold(value, name)

    def _hold(self, value: Expr, name: str) -> Expr:
        holder = flat_buffer(name, str(value.ty.dtype), self.index(1))
        self.emit(tirx.AllocBuffer(holder))
        self.emit(tirx.BufferStore(holder, value, [self.index(0)]))
        return tirx.BufferLoad(holder, [self.index(0)])

    def index(self, value: Index) -> Expr:
        """An index as an expression; a number becomes a constant of the index type."""
        return tirx.IntImm(self.index_type, value) if isinstance(value, int) else value

    def bind(self, index: Index, name: str) -> Index:
        """``let`` for an index, which stays a number if it is one."""
        return index if isinstance(index, int) else self.let(index, name)

    def prefetch(self, array: Array, indices: tuple[Index, ...], *, level: int = 2) -> None:
        """Ask for the cache line of an element ahead of its use, into the cache of that level and those below it."""
        address = tirx.address_of(tirx.BufferLoad(array.buffer, [array.offset(indices)]))
        # LLVM's operands: a read, how long to keep it (3: in every cache), data.
        hint = [tirx.IntImm("int32", number) for number in (0, 4 - level, 1)]
        self.emit(tirx.Evaluate(tirx.call_intrin("void", Op.get("tirx.prefetch"), address, *hint)))

    def opaque(self, value: int, salt: int = 0) -> Expr:
        """``value`` as an expression that LLVM cannot fold, for the extent of a loop that it must not unroll.

        Unrolling a loop around a register tile lets LLVM keep elements that several iterations read in
        registers that the accumulators need. It works because ``begin`` is never negative, which LLVM does
        not know. That two values of different ``salt``, which is not negative, are related it does not know either.
        """
        zero = tirx.IntImm("int32", 0)
        return tirx.Cast(self.index_type, tirx.Min(self._begin + salt if salt else self._begin, zero) + value)

    @contextmanager
    def parallel(self, extent: int, name: str = "i") -> Iterator[Expr]:
        """The outermost loop, over ``[begin, end)`` of at most ``extent`` iterations: exactly one per
        kernel."""
        if self._parallel_extent is not None or len(self._frames) > 1:
            raise KernelError(f"{self.name}: the parallel loop is the outermost one and there is one")
        self._parallel_extent = extent
        first = tirx.Cast(self.index_type, self._begin)
        count = tirx.Cast(self.index_type, self._end - self._begin)
        with self._loop(first, count, name, tirx.ForKind.SERIAL) as variable:
            yield variable

    def is_first(self, index: Expr) -> Expr:
        """Whether an iteration of the outermost loop is the first one of its call: nothing of an earlier one is left
        in scratch."""
        return tirx.EQ(index, tirx.Cast(self.index_type, self._begin))

    @contextmanager
    def serial(self, extent: Index, name: str = "j", *, start: Index = 0) -> Iterator[Expr]:
        """A sequential loop over ``[start, start + extent)``."""
        with self._loop(start, extent, name, tirx.ForKind.SERIAL) as variable:
            yield variable

    @contextmanager
    def unrolled(self, extent: int, name: str = "u") -> Iterator[Expr]:
        """A loop that is written out completely. A Python ``for`` does the same where the body differs."""
        with self._loop(0, extent, name, tirx.ForKind.UNROLLED) as variable:
            yield variable

    def strips(
        self, extent: int, width: int, name: str = "j", *, overlapping: bool = False
    ) -> Iterator[tuple[Index, int]]:
        """Cover ``extent`` elements by vectors: yields ``(offset, lanes)`` once per loop that is emitted.

        The body of the Python ``for`` runs once for the loop over full vectors and once for each power of two
        in the remainder, so it must not depend on how often it runs. ``width`` is a power of two.
        ``overlapping`` allows the body to see elements twice, which takes fewer vectors for the remainder.
        """
        if width & (width - 1):
            raise KernelError(f"{self.name}: strips of {width}, which is not a power of two")
        full, rest = divmod(extent, width)
        if full == 1:
            yield 0, width
        elif full:
            with self.serial(full, name) as strip:
                yield strip * width, width
        offset = full * width
        while rest:
            rounded = 1 << (rest - 1).bit_length()
            if overlapping and rounded <= extent:
                yield extent - rounded, rounded
                return
            width = 1 << (rest.bit_length() - 1)
            yield offset, width
            offset, rest = offset + width, rest - width

    @contextmanager
    def while_(self, condition: Expr) -> Iterator[None]:
        """Repeat while ``condition``, which reads registers that the body changes."""
        with self._frame() as body:
            yield
        self.emit(tirx.While(condition, self._sequence(body)))

    @contextmanager
    def if_(self, condition: Expr) -> Iterator[None]:
        """Execute the body when a scalar condition holds."""
        with self._frame() as body:
            yield
        self.emit(tirx.IfThenElse(condition, self._sequence(body), None))

    @contextmanager
    def else_(self) -> Iterator[None]:
        """The other branch of the ``if_`` that ended just before."""
        branch = self._frames[-1].pop() if self._frames[-1] else None
        if not isinstance(branch, tirx.IfThenElse) or branch.else_case is not None:
            raise KernelError(f"{self.name}: else_ does not follow an if_")
        with self._frame() as body:
            yield
        self.emit(tirx.IfThenElse(branch.condition, branch.then_case, self._sequence(body)))

    def finish(self) -> tirx.PrimFunc:
        """The function, with attribute ``kiln.parallel_extent``. The builder is used up."""
        if self._parallel_extent is None:
            raise KernelError(f"{self.name}: no parallel loop")
        attributes: dict[str, object] = {
            "global_symbol": self.name,
            "tirx.noalias": True,
            PARALLEL_EXTENT: self._parallel_extent,
        }
        if self._scalar:
            attributes[SCALAR] = True
        return tirx.PrimFunc(
            [*self._params, self._begin, self._end],
            self._sequence(self._frames[0]),
            attrs=make_node("ir.DictAttrs", **attributes),
        )

    @contextmanager
    def _loop(self, start: Index, extent: Index, name: str, kind: tirx.ForKind) -> Iterator[Expr]:
        variable = tirx.Var(name, self.index_type)
        with self._frame() as body:
            yield variable
        first, count = (self.index(bound) if isinstance(bound, int) else bound for bound in (start, extent))
        self.emit(tirx.For(variable, first, count, kind, self._sequence(body)))

    @contextmanager
    def _frame(self) -> Iterator[list[tirx.Stmt]]:
        frame: list[tirx.Stmt] = []
        self._frames.append(frame)
        yield frame
        self._frames.pop()

    def _sequence(self, statements: list[tirx.Stmt]) -> tirx.Stmt:
        if not statements:
            raise KernelError(f"{self.name}: a loop or branch without statements")
        return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)


def parallel_extent(func: tirx.PrimFunc) -> int:
    """The extent of the outermost loop of a function that ``KernelBuilder.finish`` made."""
    return int(func.attrs[PARALLEL_EXTENT])
