package scores

import (
	"math"
	"strings"
	"testing"
)

func TestTwoValuesAgreeWithinTheirSpreadAndAFloor(t *testing.T) {
	for name, tt := range map[string]struct {
		claimed, measured Value
		want              bool
	}{
		"the same":                     {Value{0.3, 0.02, 5}, Value{0.3, 0.02, 5}, true},
		"within the floor":             {Value{0.309, 0, 1}, Value{0.3, 0, 1}, true},
		"beyond the floor":             {Value{0.311, 0, 1}, Value{0.3, 0, 1}, false},
		"within two standard errors":   {Value{0.3 + 0.01 + 0.9*2*0.02*math.Sqrt(0.4), 0.02, 5}, Value{0.3, 0.02, 5}, true},
		"beyond two standard errors":   {Value{0.3 + 0.01 + 1.1*2*0.02*math.Sqrt(0.4), 0.02, 5}, Value{0.3, 0.02, 5}, false},
		"a claim that scatters a lot":  {Value{0.6, 0.5, 2}, Value{0.3, 0.02, 5}, false},
		"a claim that is too small":    {Value{0.1, 0.02, 5}, Value{0.3, 0.02, 5}, false},
		"a claim of one run, scatters": {Value{0.6, 0.5, 1}, Value{0.3, 0, 1}, false},
	} {
		claimed, measured := row("m", 0.3), row("m", 0.3)
		claimed.LRS, measured.LRS = &tt.claimed, &tt.measured
		j, values := Judge(claimed, measured)
		if j.Agrees != tt.want || len(values) != 7 {
			t.Errorf("%s: %+v of %d values", name, j, len(values))
		}
		if !j.Agrees && (j.Value != "lrs" || math.Abs(j.Off-math.Abs(tt.claimed.Mean-tt.measured.Mean)) > 1e-12 ||
			!strings.Contains(j.String(), "failed here: lrs off by")) {
			t.Errorf("%s: says %s", name, j)
		}
	}
}

// signed is a score of one model with an LRS.
func signed(signer, model string, lrs float64, judged ...Judgment) Signed {
	s := good()
	s.Rows = []Row{row(model, lrs)}
	return Signed{Signer: signer, Score: s, Judged: judged}
}

func TestWhatASetsScoreCountsFor(t *testing.T) {
	failed := Judgment{Agrees: false, Value: "lrs", Off: 0.6, Limit: 0.01}
	for name, tt := range map[string]struct {
		known *Known
		rank  int
		lrs   float64
		why   string
	}{
		"nothing": {nil, Unscored, 0, "no score"},
		"a claim is no fact": {&Known{Claims: []Signed{signed("p", "ntk:1", 0.9)}}, Unscored, 0,
			"LRS 0.900 is claimed, and nothing else supports it"},
		"one attestation is not enough": {&Known{Attestations: []Signed{signed("a", "ntk:1", 0.2)}}, Unscored, 0,
			"1 attested it, 2 on the same model are needed"},
		"two agree": {&Known{Claims: []Signed{signed("p", "ntk:1", 0.9)},
			Attestations: []Signed{signed("a", "ntk:1", 0.245), signed("b", "ntk:1", 0.24)}}, Attested, 0.24,
			"LRS 0.240 on ntk:1, attested by 2 signers"},
		"two of different models": {&Known{Attestations: []Signed{signed("a", "ntk:1", 0.2), signed("b", "mlp", 0.2)}},
			Unscored, 0, "2 attested it, 2 on the same model are needed"},
		"two disagree": {&Known{Attestations: []Signed{signed("a", "ntk:1", 0.2), signed("b", "ntk:1", 0.9)}}, Unscored, 0,
			"attestations disagree: LRS 0.200 to 0.900 on ntk:1"},
		"its own attestation does not count": {&Known{Attestations: []Signed{signed("self", "ntk:1", 0.2),
			signed("b", "ntk:1", 0.2)}}, Unscored, 0, "1 attested it"},
		"one that failed here does not count": {&Known{Attestations: []Signed{signed("a", "ntk:1", 0.9, failed),
			signed("b", "ntk:1", 0.2)}}, Unscored, 0, "1 attested it"},
		"what this node computed comes first": {&Known{Claims: []Signed{signed("p", "ntk:1", 0.9)},
			Attestations: []Signed{signed("a", "ntk:1", 0.5), signed("b", "ntk:1", 0.5)},
			Verified:     []Own{{Model: "mlp", LRS: Value{0.31, 0, 1}}, {Model: "ntk:1", LRS: Value{0.21, 0, 1}}}},
			Verified, 0.21, "LRS 0.210 on ntk:1, computed here"},
	} {
		got := tt.known.Standing("self")
		if got.Rank != tt.rank || got.LRS != tt.lrs || !strings.Contains(got.Why, tt.why) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAClaimThatOthersContradictIsNamed(t *testing.T) {
	k := &Known{Claims: []Signed{signed("p", "ntk:1", 0.9)},
		Attestations: []Signed{signed("a", "ntk:1", 0.24), signed("b", "ntk:1", 0.24)}}
	if got := k.Contradicted("self"); len(got) != 1 || got[0] != "LRS 0.900 on ntk:1 is claimed" {
		t.Errorf("%q", got)
	}
	k.Claims[0].Judged = []Judgment{{Model: "ntk:1", Value: "acc_syn_own", Off: 0.5, Limit: 0.01}}
	if got := k.Contradicted("self"); len(got) != 1 ||
		got[0] != "the claim of LRS 0.900 failed here: acc_syn_own off by 0.500, allowed 0.010" {
		t.Errorf("%q", got)
	}
	k.Claims = []Signed{signed("p", "ntk:1", 0.245)}
	if got := k.Contradicted("self"); len(got) != 0 {
		t.Errorf("an honest claim: %q", got)
	}
	if got := (*Known)(nil).Contradicted("self"); got != nil {
		t.Errorf("%q", got)
	}
}
