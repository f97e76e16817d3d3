"""The controls that the panel is made of, in the part that ipywidgets 7 and 8 share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets

WIDE = "100%"  # and never rem: it is 10 px in the classic notebook
OFF = "aft-off"
AWAY = "aft-away"
LATE = 0.5  # seconds by which Enter may overtake the letters before it


class Choice:
    """One of several, as buttons in a row or as a list; its options can be renamed without choosing anew."""

    def __init__(self, control: Any, chosen: Callable[[], object]) -> None:
        self.control, self._chosen, self._quiet = control, chosen, False
        control.observe(self._changed, "value")

    @property
    def value(self) -> Any:
        """Give what is chosen."""
        return self.control.value

    def offer(self, options: Sequence[tuple[str, Any]], value: Any) -> None:
        """Set the options and what is chosen, without telling anybody."""
        self._quiet = True
        try:
            if list(self.control.options) != list(options):
                self.control.options = list(options)
            self.control.value = value
        finally:
            self._quiet = False

    def _changed(self, _: object) -> None:
        if not self._quiet:
            self._chosen()


def choice(chosen: Callable[[], object]) -> Choice:
    """Make buttons of which one is down."""
    control = widgets.ToggleButtons(options=[], layout=widgets.Layout(width="auto"))
    control.style.button_width = "auto"
    return Choice(control, chosen)


def dropdown(chosen: Callable[[], object]) -> Choice:
    """Make a list to choose from."""
    width = widgets.Layout(width="auto", flex="1 1 320px", min_width="0")
    return Choice(widgets.Dropdown(options=[], layout=width, style={"description_width": "initial"}), chosen)


def button(press: Callable[[], object], kind: str = "") -> Any:
    """Make a button; its text is set later, in the user's language."""
    made = widgets.Button(button_style=kind, layout=widgets.Layout(width="auto"))
    made.on_click(lambda _: press())
    return made


def html(value: str = "") -> Any:
    """Make a place for HTML."""
    return widgets.HTML(value, layout=widgets.Layout(width=WIDE, min_width="0"))


def line(*parts: Any) -> Any:
    """Put controls side by side; they wrap where it is narrow."""
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap", align_items="center", width=WIDE))


def stack(*parts: Any) -> Any:
    """Put controls one below the other."""
    return widgets.VBox(parts, layout=widgets.Layout(width=WIDE))


def text(entered: Callable[[], object]) -> Any:
    """Make a line to type in; `entered` is called on Enter."""
    layout = widgets.Layout(width="auto", flex="1 1 320px", min_width="0")
    made = widgets.Text(layout=layout, style={"description_width": "initial"})
    made.add_class("aft-question")
    # Neither on_submit (gone one day) nor the value's change (which leaving the field brings about as well).
    made.on_msg(lambda _, content, buffers: entered() if content.get("event") == "submit" else None)
    return made


def area(lines: int, typed: Callable[[], object]) -> Any:
    """Make a field of so many lines to write in; `typed` is called whenever its text changes."""
    layout = widgets.Layout(width=WIDE, height="auto", min_width="0")
    made = widgets.Textarea(rows=lines, layout=layout, style={"description_width": "initial"})
    made.add_class("aft-area")
    made.observe(lambda _: typed(), "value")
    return made


class Command:
    """A line to type a command in: `entered` gets it on Enter, and the line is empty again."""

    def __init__(self, entered: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._entered, self._clock, self._until = entered, clock, clock()
        self.control = text(self._submit)
        self.control.observe(lambda _: self._come(), "value")

    def _submit(self) -> None:
        if self.control.value.strip():
            self._take()
        else:
            self._until = self._clock() + LATE

    def _come(self) -> None:
        if self.control.value.strip() and self._clock() < self._until:
            self._take()

    def _take(self) -> None:
        said, self._until = self.control.value.strip(), self._clock()
        self.control.value = ""
        self._entered(said)


def number(value: float, low: float, high: float, step: float | None = None) -> Any:
    """Make a field for a whole number, or with `step` for any number, within bounds."""
    style, layout = {"description_width": "initial"}, widgets.Layout(width="240px")
    if step is None:
        return widgets.BoundedIntText(value, min=int(low), max=int(high), style=style, layout=layout)
    return widgets.BoundedFloatText(value, min=low, max=high, step=step, style=style, layout=layout)


class Folded:
    """Controls folded away under a button; an Accordion cannot be reached with the Tab key."""

    def __init__(self, inside: Any) -> None:
        self._inside, self._title = inside, ""
        self.button = switch(self._show)
        self.box = stack(line(self.button), inside)
        self._show()

    def name(self, title: str) -> None:
        """Set what stands on the button."""
        self._title = title
        self._show()

    def _show(self) -> None:
        self.button.description = f"{'▾' if self.button.value else '▸'} {self._title}"
        show(self._inside, self.button.value)


def switch(flipped: Callable[[], object]) -> Any:
    """Make a button that stays down."""
    made = widgets.ToggleButton(value=False, layout=widgets.Layout(width="auto"))
    made.observe(lambda _: flipped(), "value")
    return made


def enable(some: Iterable[Any], enabled: bool) -> None:
    """Show that buttons can be pressed, or not now; such a press is answered with the reason.

    They are not disabled: the one with the keyboard would lose it, and in version 7 nothing could give it back.
    """
    for each in some:
        (each.remove_class if enabled else each.add_class)(OFF)


def show(control: Any, shown: bool) -> None:
    """Show a control, or hide it from eyes and keyboard."""
    control.layout.display = None if shown else "none"


def away(control: Any, is_away: bool) -> None:
    """Hide controls that have done their part from eyes, but never from the keyboard while it is on one of them."""
    (control.add_class if is_away else control.remove_class)(AWAY)


def focus(control: Any) -> None:
    """Move the keyboard to a control, where the widgets can: from version 8 on."""
    if hasattr(control, "focus"):
        control.focus()
