"""Side by side with MetaSchedule, the tuner that comes with TVM: the same tasks, for the same time.

``computation`` says what a task computes in TVM's words and ``search`` has MetaSchedule look for a kernel, in a process
of its own; ``kiln_half`` runs Kiln's tuner; ``contest`` gives both their time and has ``compare`` run what they found.
"""
