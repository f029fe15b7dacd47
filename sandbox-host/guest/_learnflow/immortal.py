"""Which objects exist when the component's memory is snapshotted.

A reference to an object is counted in the object, and the first count in an instance copies the page that it lies on.
An object whose count says that it is immortal (PEP 683) is not counted. The host writes that into the snapshot, for
the objects that are listed here: they are there in every instance, and none of them may go.
"""

import array
import gc
import types

# The host finds the list in the snapshot by this.
_SIGN = b"These objects are immortal:"

# Sizes of allocations that take up the holes, in bytes: the large holes first, then each small size, since holes of up
# to 512 are looked for by their size.
_SIZES = (*(1 << power for power in range(19, 9, -1)), *range(1 << 9, 0, -8))

# Nothing that is listed may be freed before the snapshot.
_kept = []
_fillers = []
_listed = b""


def _parts(code):
    """What a code object refers to: the garbage collector does not see it."""
    yield from (code.co_consts, code.co_names, code.co_name, code.co_qualname, code.co_filename)
    yield from (code.co_linetable, code.co_exceptiontable)
    yield from (*code.co_varnames, *code.co_cellvars, *code.co_freevars)


def list_objects():
    """Lists every object that there is, and hides them from the garbage collector."""
    global _listed
    gc.collect()
    seen = set()
    todo = gc.get_objects()
    own = {id(seen), id(todo), id(_kept)}
    while todo:
        found = todo.pop()
        if id(found) in seen or id(found) in own or isinstance(found, types.FrameType):
            continue
        seen.add(id(found))
        _kept.append(found)
        todo.extend(gc.get_referents(found))
        if isinstance(found, types.CodeType):
            todo.extend(_parts(found))
    places = array.array("I", map(id, _kept))
    assert places.itemsize == 4
    # The sign is elsewhere too; only here the number of objects follows twice.
    count = len(places).to_bytes(4, "little")
    _listed = b"".join((_SIGN, count, count, places.tobytes()))
    gc.freeze()


def fill_holes():
    """Takes up the memory that was freed so far, so that a program's objects lie beside each other and not in a hole
    on each of many pages. Must be the last thing before the snapshot."""
    gc.collect()
    end = max(map(id, _kept))
    for size in _SIZES:
        while id(filler := bytes(size)) < end:
            _fillers.append(filler)
