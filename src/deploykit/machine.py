"""The state machine: TRANSITIONS, run by the `transitions` library. The only module that imports it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from transitions import Machine

from deploykit.states import INITIAL, TERMINAL, TRANSITIONS, State, Transition, Trigger

if TYPE_CHECKING:
    from transitions.core import TransitionConfigDict


class DeploymentMachine:
    """A deployment's state. It only moves; the work of each state is done elsewhere.

    A trigger that moves nothing raises: a loop that asks for it would spin for ever.
    """

    def __init__(self, state: State, restorable: Callable[[], bool]) -> None:
        self._model = _Model(restorable)
        machine = Machine(
            model=None,
            states=State,
            initial=INITIAL,
            transitions=[_config(row) for row in TRANSITIONS],
            auto_transitions=False,
        )
        machine.add_model(self._model, initial=state)
        self._machine = machine

    @property
    def state(self) -> State:
        return self._model.state

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    def fire(self, trigger: Trigger) -> State:
        """Move, and return the new state.

        Raises:
            transitions.MachineError: the table has no such way out of this state.
            RuntimeError: no guard of the table let it through.
        """
        before = self.state
        if not self._machine.events[trigger.name].trigger(self._model):
            msg = f"{trigger.name} moves nothing from {before.name}"
            raise RuntimeError(msg)
        return self.state


class _Model:
    state: State

    def __init__(self, restorable: Callable[[], bool]) -> None:
        self.restorable = restorable


def _config(row: Transition) -> "TransitionConfigDict":
    config: TransitionConfigDict = {
        "trigger": row.trigger.name,
        "source": [source.name for source in row.sources],
        "dest": row.target.name,
    }
    if row.restorable is True:
        config["conditions"] = "restorable"
    elif row.restorable is False:
        config["unless"] = "restorable"
    return config
