package selection

import (
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
)

// scored is a set of one signer with what is known of it.
func scored(cid, signer string, known *scores.Known) operations.SetInfo {
	s := set(cid, signer, 100, 1, 1)
	s.Scores = known
	return s
}

func signed(signer string, lrs float64) scores.Signed {
	none := &scores.Value{N: 1}
	return scores.Signed{Signer: signer, Score: &scores.Score{Rows: []scores.Row{{Model: "ntk:1",
		LRS: &scores.Value{Mean: lrs, N: 1}, HLR: none, IOR: none}}}}
}

func attested(lrs float64) *scores.Known {
	return &scores.Known{Attestations: []scores.Signed{signed("a", lrs), signed("b", lrs)}}
}

func claimed(lrs float64) *scores.Known {
	return &scores.Known{Claims: []scores.Signed{signed("p", lrs)}}
}

func verified(lrs float64) *scores.Known {
	return &scores.Known{Verified: []scores.Own{{Model: "ntk:1", LRS: scores.Value{Mean: lrs, N: 1}}}}
}

// why is the reason that is given for a set.
func why(all []operations.Choice, cid string) string {
	for _, c := range all {
		if c.Set.CID == cid {
			return c.Why
		}
	}
	return "not listed"
}

func TestVerifiedScoresComeFirstThenAttestedOnesAndClaimsCountForNothing(t *testing.T) {
	all := []operations.SetInfo{scored("boasts", "p", claimed(0.99)), scored("low", "q", verified(0.2)),
		scored("high", "r", verified(0.3)), scored("others", "s", attested(0.4)), scored("plain", "t", nil)}
	got := Choose(all, Request{Classes: 2, ByScore: true})
	if order := taken(got); order != "high low others boasts plain" {
		t.Errorf("took %s", order)
	}
	for cid, want := range map[string]string{"high": "LRS 0.300 on ntk:1, computed here",
		"others": "LRS 0.400 on ntk:1, attested by 2 signers", "boasts": "LRS 0.990 is claimed, and nothing else supports it",
		"plain": "no score"} {
		if !strings.Contains(why(got, cid), want) {
			t.Errorf("%s because %q, want %q", cid, why(got, cid), want)
		}
	}
	if order := taken(Choose(all, Request{Classes: 2})); order != "boasts high low others plain" {
		t.Errorf("without asking for scores took %s", order)
	}
}

func TestALeastScoreLeavesOutWhatIsNotKnownToReachIt(t *testing.T) {
	liar := attested(0.24)
	liar.Claims = claimed(0.9).Claims
	all := []operations.SetInfo{scored("boasts", "p", claimed(0.99)), scored("low", "q", verified(0.2)),
		scored("others", "s", attested(0.25)), scored("liar", "t", liar), scored("plain", "u", nil)}
	got := Choose(all, Request{Classes: 2, MinScore: 0.25})
	if order := taken(got); order != "others" {
		t.Errorf("took %s, want others", order)
	}
	for cid, want := range map[string]string{"boasts": "not known to reach 0.250: LRS 0.990 is claimed, and nothing else",
		"low": "not known to reach 0.250: LRS 0.200 on ntk:1, computed here", "plain": "no score",
		"liar": "LRS 0.240 on ntk:1, attested by 2 signers; LRS 0.900 on ntk:1 is claimed"} {
		if !strings.Contains(why(got, cid), want) {
			t.Errorf("%s because %q, want %q", cid, why(got, cid), want)
		}
	}
}

func TestWhoeverClaimedSomethingFalseIsChosenLast(t *testing.T) {
	failed := map[string]scores.Judgment{"liar": {Set: "lie", Value: "lrs", Off: 0.7, Limit: 0.01,
		At: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}}
	both := set("both", "liar", 10, 9, 9)
	both.Signers = append(both.Signers, "honest")
	all := []operations.SetInfo{set("lie", "liar", 10, 9, 9), set("other", "liar", 11, 9, 9),
		set("honest", "honest", 100, 1, 1), both}
	got := Choose(all, Request{Classes: 2, Failed: failed, Known: func(s string) bool { return s == "liar" }})
	if order := taken(got); order != "both honest lie other" {
		t.Errorf("took %s", order)
	}
	const want = "chosen late, since a score that its publisher signed failed here: " +
		"lrs off by 0.700, allowed 0.010 on 2026-01-02"
	if !strings.Contains(why(got, "lie"), want) {
		t.Errorf("because %q, want %q", why(got, "lie"), want)
	}
	if !strings.Contains(why(got, "other"), "a score of another set that its publisher") {
		t.Errorf("because %q", why(got, "other"))
	}
	if strings.Contains(why(got, "both"), "late") {
		t.Errorf("what an honest node offers too: %q", why(got, "both"))
	}
}
