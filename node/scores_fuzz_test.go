package node

import (
	"encoding/json"
	"testing"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/ranking"
	"github.com/distillmesh/distillmesh/node/scores"
)

// FuzzAnnouncedScore reads any bytes as the body of an announced score, with the recipe in it:
// whatever is listed can be planned again within the bounds, and says the same when it is written again.
func FuzzAnnouncedScore(f *testing.F) {
	good := tooGood(f, "00")
	body, err := good.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	more := good
	more.Rows = append(more.Rows, more.Rows[0])
	more.Rows[1].Model = "lenet"
	more.Recipe = json.RawMessage(`{"name":"x","rates":[0.1,0.01],"train":{"epochs":3}}`)
	if body, err = more.Encode(); err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := scores.Decode(scores.Schema, body)
		if err != nil || checkScore(s) != nil {
			return
		}
		p, err := ranking.PlanOf(rank.Default(), s)
		if err == nil && (p.Trials != s.Trials || len(p.Models) != len(s.Rows) || p.Recipe == nil) {
			t.Errorf("%+v is planned as %+v", s, p)
		}
		if again, err := s.Encode(); err != nil || len(again) > len(body) {
			t.Errorf("%d bytes are written again as %d: %v", len(body), len(again), err)
		}
		k := scores.Known{Claims: []scores.Signed{{Signer: "a", Score: s}},
			Attestations: []scores.Signed{{Signer: "b", Score: s}, {Signer: "c", Score: s}}}
		if got := k.Standing("self"); got.Rank != scores.Attested {
			t.Errorf("two who say the same do not agree: %+v", got)
		}
		if out := k.Contradicted("self"); len(out) != 0 && len(s.Rows) == 1 {
			t.Errorf("a claim that others attest word for word is contradicted: %q", out)
		}
	})
}
