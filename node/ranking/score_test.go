package ranking

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
)

// plan ranks one set of the built-in digits on the closed-form predictor, within a second.
func plan(t *testing.T) (rank.Plan, rank.Options) {
	t.Helper()
	ds, err := open.Path(data.GlyphPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	few := make([]int, 400)
	for i := range few {
		few[i] = i
	}
	small := *ds
	small.Train, small.Test = data.Pick(ds.Train, few), data.Pick(ds.Test, few[:200])
	samples, err := data.LoadAll(ds.Task, small.Train)
	if err != nil {
		t.Fatal(err)
	}
	made, err := artifact.Make(t.Context(), artifact.Request{Task: ds.Task, Method: coreset.Random{}, Pixels: artifact.U8,
		Bare: true, Request: distill.Request{Samples: samples, IPC: 1}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := artifact.ReadSet(made.Files, ds.Task, artifact.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := rank.Default()
	p.Data, p.Models, p.Trials, p.References, p.Epochs, p.ByBytes = &small, []string{"ntk:1"}, 2, 1, 1, false
	p.Candidates = []rank.Candidate{{Name: "set", Method: "random", Sets: []*artifact.Set{set},
		Bytes: []int64{made.Files.Bytes()}}}
	return p, rank.Options{Dir: t.TempDir(), Device: device.Choice{Workers: 1}}
}

// measured ranks the plan and returns what would be announced.
func measured(t *testing.T, p rank.Plan, opt rank.Options) *scores.Score {
	t.Helper()
	doc, err := rank.Run(t.Context(), p, opt)
	if err != nil {
		t.Fatal(err)
	}
	print, err := TestPrint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ScoreOf(doc, "set", print)
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := scores.Decode(scores.Schema, body)
	if err != nil {
		t.Fatal(err)
	}
	if own := OwnOf(doc, "set"); len(own) != 1 || own[0].LRS != *read.Rows[0].LRS || own[0].Recipe != rank.Usual {
		t.Errorf("remembers %+v", own)
	}
	if _, err := ScoreOf(doc, "another", print); err == nil {
		t.Error("a set has the score of another")
	}
	return read
}

// better is a score that claims more, consistently.
func better(s *scores.Score, by float64) *scores.Score {
	out := *s
	r := out.Rows[0]
	up := func(v *scores.Value, by float64) *scores.Value {
		return &scores.Value{Mean: v.Mean + by, Std: v.Std, N: v.N}
	}
	r.AccSynHard, r.AccSynOwn, r.HLR, r.IOR = up(r.AccSynHard, by), up(r.AccSynOwn, by), up(r.HLR, -by), up(r.IOR, by)
	lrs, _ := rank.LRS(r.HLR.Mean, r.IOR.Mean, rank.Weight)
	r.LRS = &scores.Value{Mean: lrs, Std: r.LRS.Std, N: r.LRS.N}
	out.Rows = []scores.Row{r}
	return &out
}

func TestClaimsAreComputedAgain(t *testing.T) {
	p, opt := plan(t)
	honest := measured(t, p, opt)
	elsewhere, endless := *honest, *honest
	elsewhere.Print = "other"
	endless.Epochs = 10_000
	endless.References = 100
	known := scores.Known{Claims: []scores.Signed{{Signer: "honest", Digest: "h", Score: honest},
		{Signer: "liar", Digest: "l", Score: better(honest, 0.3)}, {Signer: "elsewhere", Score: &elsewhere},
		{Signer: "endless", Score: &endless}, {Signer: "self", Score: better(honest, 0.1)}},
		Attestations: []scores.Signed{{Signer: "witness", Digest: "w", Score: honest}}}
	base := p
	base.Recipe, base.Trials, base.References, base.Models = nil, 5, 3, []string{"lenet"} // the claim's count
	got, err := Verify(t.Context(), Verifying{Plan: base, Options: opt, Known: known, Self: "self", Most: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, c := range got.Checked {
		verdicts[c.Signer] = c.Kind + " " + c.Verdict
	}
	for signer, want := range map[string]string{"honest": "claim agrees", "liar": "claim differs",
		"elsewhere": "claim not comparable: measured on other test samples, called " + honest.Data,
		"witness":   "attestation agrees", "self": "",
		"endless": "claim not computed: plan refused: 1000000 passes over all real data, at most 200000"} {
		if verdicts[signer] != want {
			t.Errorf("%s: %q, want %q", signer, verdicts[signer], want)
		}
	}
	if len(got.Judgments) != 3 || got.Judgments[1].Agrees || got.Judgments[1].Digest != "l" ||
		math.Abs(got.Judgments[1].Off-0.3) > 1e-9 || got.Judgments[1].Set != "set" {
		t.Errorf("judged %+v", got.Judgments)
	}
	if len(got.Own) != 1 || got.Own[0].LRS != *honest.Rows[0].LRS {
		t.Errorf("measured %+v, the same plan before %+v", got.Own, honest.Rows[0].LRS)
	}
	if _, err := Verify(t.Context(), Verifying{Plan: base, Options: opt, Self: "self", Most: time.Hour,
		Known: scores.Known{Attestations: known.Attestations}}); err == nil {
		t.Error("verified claims that nobody made")
	}
}

// Whoever signs an offer of a set may claim a score of it, with a key for each.
func TestClaimsThatTakeLongDoNotKeepOthersFromBeingVerified(t *testing.T) {
	p, opt := plan(t)
	honest := measured(t, p, opt)
	long := *honest
	long.References = 5
	var known scores.Known
	for i := range 5 {
		known.Claims = append(known.Claims, scores.Signed{Signer: fmt.Sprint("unknown", i), Score: &long})
	}
	known.Claims = append(known.Claims, scores.Signed{Signer: "honest", Score: honest})
	got, err := Verify(t.Context(), Verifying{Plan: p, Options: opt, Known: known, Most: time.Hour})
	if err != nil || len(got.Checked) != 6 || got.Checked[0].Signer != "honest" || got.Checked[0].Verdict != Agrees {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestAClaimThatTakesLongerThanItMayIsNotComputed(t *testing.T) {
	p, opt := plan(t)
	claim := measured(t, p, opt)
	claim.Rows[0].Model = "mlp"
	claim.Epochs = 1000
	known := scores.Known{Claims: []scores.Signed{{Signer: "slow", Score: claim}}}
	got, err := Verify(t.Context(), Verifying{Plan: p, Options: opt, Known: known, Most: time.Nanosecond})
	if err != nil || len(got.Checked) != 1 || got.Document != nil || len(got.Judgments) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
