"""The edge between what is judged and what is shown: names that hold a secret lose it here.

Until here every path is the real one, by which rules, owners, identities, baselines and merging go.
What comes after writes, prints or sends.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from secagg.merge import Group
from secagg.model.finding import Finding
from secagg.policy import Decision, Judgement, PolicyException
from secagg.secrets.redactor import Redactor


class Shown:
    """Real paths and how they are shown, for what is about to leave."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._shown: dict[str, str] = {}
        # Those that are not shown as they are.
        self._hidden: dict[str, str] = {}

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show the paths of ``findings``, in place."""
        for finding in findings:
            hidden = False
            for place in (finding.location, *finding.related):
                uri = place.uri
                if uri is not None and (shown := self.path(uri)) != uri:
                    place.uri = shown
                    hidden = True
            if finding.component is not None:
                finding.component = self.path(finding.component)
            if hidden:
                finding.fingerprints = {
                    name: self.text(value) for name, value in finding.fingerprints.items()
                }
                finding.references = tuple(map(self.text, finding.references))

    def groups(self, groups: Iterable[Group]) -> None:
        """Show the paths of the findings in ``groups``, in place."""
        for group in groups:
            self.findings((group.representative, *group.members))

    def names(self) -> Iterator[str]:
        """What may leave as it is: paths as they are shown, and words that are no secrets."""
        yield from self._shown.values()
        yield from self._redactor.public_words()

    def path(self, path: str) -> str:
        """One path."""
        shown = self._shown.get(path)
        if shown is None:
            shown = self._shown[path] = self._redactor.shown_path(path)
            if shown != path:
                self._hidden[path] = shown
        return shown

    def text(self, text: str) -> str:
        """A text that may name a path that is not shown as it is."""
        for path, shown in self._hidden.items():
            text = text.replace(path, shown)
        return text

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Several texts."""
        return [self.text(text) for text in texts] if self._hidden else list(texts)

    def decision(self, decision: Decision) -> None:
        """Show the paths in what a decision says, in place."""
        if not self._hidden:
            return
        for name in ("reasons", "gaps", "failures", "notes", "not_analysed"):
            setattr(decision, name, self.texts(getattr(decision, name)))
        decision.lapsed = [self._exception(one) for one in decision.lapsed]
        decision.unused = [self._exception(one) for one in decision.unused]
        decision.judgements = [self._judgement(one) for one in decision.judgements]

    def _judgement(self, judgement: Judgement) -> Judgement:
        given = judgement.exception
        return dataclasses.replace(
            judgement,
            exception=None if given is None else self._exception(given),
            lapsed=[self._exception(one) for one in judgement.lapsed] if judgement.lapsed else (),
        )

    def _exception(self, exception: PolicyException) -> PolicyException:
        return dataclasses.replace(exception, target=self.text(exception.target))
