package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/scores"
)

// flooded is a set of which this node computed a score, found one claim and one attestation of
// others false, and of which others announce as many more as they like.
func flooded(n int) *scores.Known {
	signed := func(signer string, lrs float64, judged ...scores.Judgment) scores.Signed {
		value := &scores.Value{Mean: lrs, N: 1}
		return scores.Signed{Signer: signer, Judged: judged, Score: &scores.Score{Data: "digits",
			Rows: []scores.Row{{Model: "ntk:1", LRS: value, HLR: value, IOR: value}}}}
	}
	k := &scores.Known{Verified: []scores.Own{{Model: "ntk:1", LRS: scores.Value{Mean: 0.25, N: 1}}}}
	for i := range n {
		k.Claims = append(k.Claims, signed(fmt.Sprint("unknown", i), 0.9))
		k.Attestations = append(k.Attestations, signed(fmt.Sprint("unknown", i), 0.9))
	}
	found := scores.Judgment{Model: "ntk:1", Value: "lrs", Off: 0.5, Limit: 0.01}
	k.Claims = append(k.Claims, signed("publisher", 0.75, found))
	k.Attestations = append(k.Attestations, signed("witness", 0.5, found))
	return k
}

func TestScoresOfStrangersDoNotHideWhatThisNodeFoundOut(t *testing.T) {
	if got := scoreCell(flooded(100)); got != "verified:0.250,attested:0.500(false),attested:0.900,attested:0.900,+199" {
		t.Errorf("listed as %s", got)
	}
	if got := scoreCell(flooded(0)); got != "verified:0.250,attested:0.500(false),claimed:0.750(false)" {
		t.Errorf("listed as %s", got)
	}
	var out, told bytes.Buffer
	a := &app{screen: newScreen(&out, &told)}
	a.showScores(*flooded(100))
	text := out.String()
	if n := strings.Count(text, "0.900"); n != 3*2*(shownInTable-1) {
		t.Errorf("unknown signers fill %d cells:\n%s", n, text)
	}
	if strings.Count(text, "failed here") != 2 || !strings.Contains(text, "scores computed by this node") ||
		strings.Count(told.String(), "81 more scores by other signers are not shown") != 2 {
		t.Errorf("printed\n%s%s", text, told.String())
	}
}
