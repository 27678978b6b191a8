package ranking

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/train/data"
)

// ScoreOf is what a document says of a set, as it is announced. Print is that of the test part.
func ScoreOf(doc *rank.Document, set, print string) (scores.Score, error) {
	out := scores.Score{References: doc.References, Epochs: doc.Epochs, Engine: doc.Engine, Data: doc.Data,
		Train: doc.Train, Validation: doc.Validation, Test: doc.Test, Print: print}
	for _, row := range doc.Rows {
		if row.Set != set || row.LRS == nil {
			continue
		}
		r := row.Recipe
		r.Methods = nil
		text, err := json.Marshal(r)
		if err != nil {
			return out, err
		}
		out.Recipe, out.Trials = text, len(row.Seeds)
		out.Rows = append(out.Rows, rowOf(row))
	}
	if len(out.Rows) == 0 {
		return out, fmt.Errorf("%w: nothing was measured of %s", scores.ErrRefused, set)
	}
	return out, nil
}

// OwnOf is what a document says of sets, as a node remembers it.
func OwnOf(doc *rank.Document, sets ...string) (out []scores.Own) {
	for _, row := range doc.Rows {
		if slices.Contains(sets, row.Set) && row.LRS != nil {
			out = append(out, scores.Own{Set: row.Set, Model: row.Model, Recipe: row.Recipe.Name, HLR: *value(row.HLR),
				IOR: *value(row.IOR), LRS: *value(row.LRS)})
		}
	}
	return out
}

// rowOf is a row as it is announced.
func rowOf(r rank.Row) scores.Row {
	return scores.Row{Model: r.Model, AccReal: value(r.AccReal), AccSynHard: value(r.AccSynHard),
		AccSynOwn: value(r.AccSynOwn), AccRandomOwn: value(r.AccRandomOwn), AccRandomBytes: value(r.AccRandomBytes),
		AccSynAug: value(r.AccSynAug), AccSynNoAug: value(r.AccSynNoAug), AccRandomAug: value(r.AccRandomAug),
		AccRandomNoAug: value(r.AccRandomNoAug), HLR: value(r.HLR), IOR: value(r.IOR), LRS: value(r.LRS),
		ARS: value(r.ARS)}
}

func value(s *trial.Spread) *scores.Value {
	if s == nil {
		return nil
	}
	return &scores.Value{Mean: s.Mean, Std: s.Std, N: s.N}
}

// TestPrint is a hash of the test samples that scores are measured on.
func TestPrint(ds *data.Dataset) (string, error) {
	test, err := data.LoadAll(ds.Task, ds.Test)
	if err != nil {
		return "", err
	}
	return trial.Fingerprint(test), nil
}

// PlanOf is the plan by which a score was computed, with the data and the set of another.
func PlanOf(p rank.Plan, s *scores.Score) (rank.Plan, error) {
	var r rank.Recipe
	if err := json.Unmarshal(s.Recipe, &r); err != nil {
		return p, fmt.Errorf("%w: %w", rank.ErrRecipe, err)
	}
	if err := rank.CheckEffort(r, s.Trials, s.References, s.Epochs); err != nil {
		return p, err
	}
	p.Recipe, p.Trials, p.References, p.Epochs = &r, s.Trials, s.References, s.Epochs
	p.ByLabels, p.ByAugmentation, p.Models, p.ByBytes, p.Augmented = rank.Weight, rank.Weight, nil, false, false
	for _, row := range s.Rows {
		p.Models = append(p.Models, row.Model)
		p.ByBytes = p.ByBytes || row.AccRandomBytes != nil
		p.Augmented = p.Augmented || row.ARS != nil
	}
	return p, p.Check()
}

// Verification is a score of somebody beside what was computed here.
type Verification struct {
	Signer string `json:"signer"`
	Kind   string `json:"kind"` // Claim or Attestation
	Model  string `json:"model,omitempty"`
	// Verdict is agrees, differs, or why it was not decided.
	Verdict string              `json:"verdict"`
	Values  []scores.Difference `json:"values,omitempty"`
}

// Kinds of scores of somebody.
const (
	Claim       = "claim"       // by who offers the set
	Attestation = "attestation" // by anybody else
)

// Verdicts. A score that cannot be compared has another.
const (
	Agrees  = "agrees"
	Differs = "differs"
)

// Verified is the outcome of Verify.
type Verified struct {
	Set       string
	Checked   []Verification
	Judgments []scores.Judgment
	// Document is what was computed for the first score that was.
	Document *rank.Document
	Own      []scores.Own
	Print    string // of the test part
}

// Verifying says what is verified.
type Verifying struct {
	Plan    rank.Plan // with the data and the one set
	Options rank.Options
	Known   scores.Known
	Self    string        // this node, whose own scores are not verified
	Most    time.Duration // that all scores together may take
	end     time.Time
}

// effort is how much computing a score again takes, in passes over some data for each model. A score
// that cannot be computed takes none.
func (v Verifying) effort(s *scores.Score) int {
	p, err := PlanOf(v.Plan, s)
	if err != nil {
		return 0
	}
	return len(p.Models) * ((len(p.Recipe.Rates)+p.Trials)*p.Recipe.Train.Epochs + p.References*p.Epochs)
}

// Verify computes each claim about a set again, by the recipe, the models and the numbers that it
// names, and the attestations that name the same: those that cost least first, as anybody may claim
// something, and until the time is used up. It fails with api.CodeNotFound when nobody else claims
// anything.
func Verify(ctx context.Context, v Verifying) (*Verified, error) {
	out := &Verified{Set: v.Plan.Candidates[0].Name}
	var err error
	if out.Print, err = TestPrint(v.Plan.Data); err != nil {
		return nil, err
	}
	same := func(a, b *scores.Score) bool {
		return bytes.Equal(a.Recipe, b.Recipe) && a.Trials == b.Trials && a.References == b.References &&
			a.Epochs == b.Epochs && a.Print == b.Print
	}
	var claims []scores.Signed
	for _, c := range v.Known.Claims {
		if c.Signer != v.Self {
			claims = append(claims, c)
		}
	}
	if len(claims) == 0 {
		return nil, api.Fail(api.CodeNotFound, "see 'distillmesh show "+out.Set+"'; 'rank' without --verify scores it",
			"nobody else claims a score of %s here", out.Set)
	}
	slices.SortStableFunc(claims, func(x, y scores.Signed) int {
		return cmp.Compare(v.effort(x.Score), v.effort(y.Score))
	})
	v.end = time.Now().Add(v.Most)
	for _, c := range claims {
		if err := out.verify(ctx, v, c, Claim); err != nil {
			return nil, err
		}
	}
	for _, a := range v.Known.Attestations {
		cheap := slices.ContainsFunc(claims, func(c scores.Signed) bool { return same(c.Score, a.Score) })
		if a.Signer != v.Self && cheap {
			if err := out.verify(ctx, v, a, Attestation); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// compute runs a plan of somebody else, within the time that is left; without a document it says
// why not. What was trained until then is kept.
func compute(ctx context.Context, v Verifying, plan rank.Plan) (*rank.Document, string, error) {
	within, cancel := context.WithDeadline(ctx, v.end)
	defer cancel()
	cost, err := rank.Measure(within, plan, v.Options)
	var took time.Duration
	if err == nil {
		took, err = cost.Of(plan)
	}
	if left := time.Until(v.end); err == nil && took > left {
		return nil, fmt.Sprintf("it would take about %v, more than is left of --time %v", took.Round(time.Minute), v.Most),
			nil
	}
	var doc *rank.Document
	if err == nil {
		doc, err = rank.Run(within, plan, v.Options)
	}
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return nil, fmt.Sprintf("--time %v is used up", v.Most), nil
	}
	return doc, "", err
}

// verify computes one score again. What a signer says that cannot be followed is no failure.
func (out *Verified) verify(ctx context.Context, v Verifying, s scores.Signed, kind string) error {
	left := func(why string) error {
		out.Checked = append(out.Checked, Verification{Signer: s.Signer, Kind: kind, Verdict: why})
		return nil
	}
	plan, err := PlanOf(v.Plan, s.Score)
	if err != nil {
		return left("not computed: " + err.Error())
	}
	doc, why, err := compute(ctx, v, plan)
	if err != nil {
		return err
	}
	if doc == nil {
		return left("not computed: " + why)
	}
	if out.Document == nil {
		out.Document, out.Own = doc, OwnOf(doc, out.Set)
	}
	for _, claimed := range s.Score.Rows {
		i := slices.IndexFunc(doc.Rows, func(r rank.Row) bool { return r.Model == claimed.Model })
		judgment, values := scores.Judge(claimed, rowOf(doc.Rows[i]))
		one := Verification{Signer: s.Signer, Kind: kind, Model: claimed.Model, Values: values, Verdict: Agrees}
		switch {
		case s.Score.Print != out.Print:
			one.Verdict = "not comparable: measured on other test samples, called " + s.Score.Data
		case !judgment.Agrees:
			one.Verdict = Differs
		}
		if one.Verdict == Agrees || one.Verdict == Differs {
			judgment.Set, judgment.Signer, judgment.Digest = out.Set, s.Signer, s.Digest
			out.Judgments = append(out.Judgments, judgment)
		}
		out.Checked = append(out.Checked, one)
	}
	return nil
}
