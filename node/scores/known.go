package scores

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Own is what this node measured of a set on one model.
type Own struct {
	Set    string    `json:"set"` // CID
	Model  string    `json:"model"`
	Recipe string    `json:"recipe"` // its name
	HLR    Value     `json:"hlr"`
	IOR    Value     `json:"ior"`
	LRS    Value     `json:"lrs"`
	At     time.Time `json:"at"`
}

// Judgment is what this node found when it computed what a signer says of a set on one model
// again.
type Judgment struct {
	Set    string    `json:"set"`
	Signer string    `json:"signer"`
	Model  string    `json:"model"`
	Digest string    `json:"digest"` // of the body that was judged
	Agrees bool      `json:"agrees"`
	Value  string    `json:"value,omitempty"` // the one that differed by most
	Off    float64   `json:"off,omitempty"`   // by how much
	Limit  float64   `json:"limit,omitempty"` // what was allowed
	At     time.Time `json:"at"`
}

// String says what was found.
func (j Judgment) String() string {
	if j.Agrees {
		return "agrees with what this node computed"
	}
	return fmt.Sprintf("failed here: %s off by %.3f, allowed %.3f", j.Value, j.Off, j.Limit)
}

// Judge compares a claimed row with a measured one. Set, Signer, Digest and At are the caller's.
func Judge(claimed, measured Row) (Judgment, []Difference) {
	all := Compare(claimed, measured)
	out := Judgment{Model: claimed.Model, Agrees: true}
	if worst, differs := Worst(all); differs {
		out.Agrees, out.Value, out.Off, out.Limit = false, worst.Name, worst.Off(), worst.Allowed
	}
	return out, all
}

// Signed is a score with who signed it and what this node found.
type Signed struct {
	Signer string     `json:"signer"`
	Issued time.Time  `json:"issued"`
	Digest string     `json:"digest"`
	Score  *Score     `json:"score"`
	Judged []Judgment `json:"judged"` // of this body
}

// Failed reports whether this node found the score to be false.
func (s Signed) Failed() bool {
	return slices.ContainsFunc(s.Judged, func(j Judgment) bool { return !j.Agrees })
}

// row is what it says of a model, nil for nothing.
func (s Signed) row(model string) *Row {
	i := slices.IndexFunc(s.Score.Rows, func(r Row) bool { return r.Model == model })
	if i < 0 {
		return nil
	}
	return &s.Score.Rows[i]
}

// Known is all that is known here of how good a set is: what who offers it claims, what others
// attest, and what this node computed.
type Known struct {
	Claims       []Signed `json:"claims"`
	Attestations []Signed `json:"attestations"`
	Verified     []Own    `json:"verified"`
}

// Ranks of what a score rests on, the best first.
const (
	Verified = iota // this node computed it
	Attested        // LeastAttested others computed it and agree
	Unscored        // nobody did, or they disagree; what is claimed is no fact
)

// LeastAttested is how many signers that do not offer a set must agree before their score counts.
const LeastAttested = 2

// Standing is what a set's score counts for.
type Standing struct {
	Rank int
	LRS  float64 // the smallest over the models that it was measured on; of an unscored set 0
	Why  string
}

// Standing judges what is known of a set. Self is this node, whose own announcements attest
// nothing to itself. A nil Known is that of a set without scores.
func (k *Known) Standing(self string) Standing {
	if k == nil {
		return Standing{Rank: Unscored, Why: "no score"}
	}
	if len(k.Verified) > 0 {
		least := slices.MinFunc(k.Verified, func(a, b Own) int { return cmp.Compare(a.LRS.Mean, b.LRS.Mean) })
		return Standing{Verified, least.LRS.Mean, fmt.Sprintf("LRS %.3f on %s, computed here", least.LRS.Mean, least.Model)}
	}
	attested, why := k.attested(self)
	if attested != nil {
		return *attested
	}
	var parts []string
	if text := k.claimed(); text != "" {
		parts = append(parts, text)
	}
	if why != "" {
		parts = append(parts, why)
	}
	if len(parts) == 0 {
		parts = []string{"no score"}
	}
	return Standing{Rank: Unscored, Why: strings.Join(parts, "; ")}
}

// claimed says what is claimed.
func (k *Known) claimed() string {
	best := 0.0
	for _, c := range k.Claims {
		for _, r := range c.Score.Rows {
			best = max(best, r.LRS.Mean)
		}
	}
	if len(k.Claims) == 0 {
		return ""
	}
	return fmt.Sprintf("LRS %.3f is claimed, and nothing else supports it", best)
}

// attested is what enough others agree on: of each model that any two of them measured, all
// that were not found false here must agree.
func (k *Known) attested(self string) (*Standing, string) {
	byModel := map[string][]*Row{}
	counted := 0
	for _, a := range k.Attestations {
		if a.Signer == self || a.Failed() {
			continue
		}
		counted++
		for i := range a.Score.Rows {
			r := &a.Score.Rows[i]
			byModel[r.Model] = append(byModel[r.Model], r)
		}
	}
	var out *Standing
	disagree := ""
	for _, model := range slices.Sorted(maps.Keys(byModel)) {
		rows := byModel[model]
		if len(rows) < LeastAttested {
			continue
		}
		low := slices.MinFunc(rows, func(a, b *Row) int { return cmp.Compare(a.LRS.Mean, b.LRS.Mean) })
		high := slices.MaxFunc(rows, func(a, b *Row) int { return cmp.Compare(a.LRS.Mean, b.LRS.Mean) })
		if high.LRS.Mean-low.LRS.Mean > allowed(*high.LRS, *low.LRS) {
			disagree = fmt.Sprintf("attestations disagree: LRS %.3f to %.3f on %s", low.LRS.Mean, high.LRS.Mean, model)
			continue
		}
		if out == nil || low.LRS.Mean < out.LRS {
			out = &Standing{Attested, low.LRS.Mean, fmt.Sprintf("LRS %.3f on %s, attested by %d signers", low.LRS.Mean, model,
				len(rows))}
		}
	}
	switch {
	case disagree != "":
		return nil, disagree
	case out == nil && counted > 0:
		return nil, fmt.Sprintf("%d attested it, %d on the same model are needed", counted, LeastAttested)
	}
	return out, ""
}

// Contradicted lists the claims that enough attestations, or this node, contradict.
func (k *Known) Contradicted(self string) (out []string) {
	if k == nil {
		return nil
	}
	s := k.Standing(self)
	for _, c := range k.Claims {
		for _, r := range c.Score.Rows {
			if s.Rank != Unscored && !c.Failed() && r.LRS.Mean-s.LRS > allowed(*r.LRS, *r.LRS) && k.measured(r.Model) {
				out = append(out, fmt.Sprintf("LRS %.3f on %s is claimed", r.LRS.Mean, r.Model))
			}
		}
		for _, j := range c.Judged {
			if !j.Agrees {
				out = append(out, fmt.Sprintf("the claim of LRS %.3f %s", k.claimOf(c, j.Model), j))
			}
		}
	}
	return out
}

// measured reports whether this node or another than a claimant measured a model.
func (k *Known) measured(model string) bool {
	return slices.ContainsFunc(k.Verified, func(o Own) bool { return o.Model == model }) ||
		slices.ContainsFunc(k.Attestations, func(a Signed) bool { return a.row(model) != nil })
}

func (k *Known) claimOf(c Signed, model string) float64 {
	if r := c.row(model); r != nil {
		return r.LRS.Mean
	}
	return 0
}
