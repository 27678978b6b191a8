package node

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

func TestASetThatATrainingLeftOutIsSaidByStatusAndGather(t *testing.T) {
	_, n, name := offline(t)
	poisoned, alone := makeSet(t, n, name, "gmm", 1), makeSet(t, n, name, "gmm", 2)
	_, err := operations.Judge.Do(t.Context(), n, operations.Judged{Task: poisoned.Task,
		Quarantined: []operations.Quarantined{{CID: poisoned.CID, Why: "wrong labels"}},
		Marked:      []operations.Quarantined{{CID: alone.CID, Why: "nobody else holds 3"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := operations.Status.Do(t.Context(), n, api.None{}, nil)
	if err != nil || len(s.Quarantined) != 1 ||
		s.Quarantined[0] != (operations.Quarantined{CID: poisoned.CID, Why: "wrong labels"}) {
		t.Errorf("status says %+v, %v", s.Quarantined, err)
	}
	got, err := operations.Gather.Do(t.Context(), n, operations.GatherRequest{Task: poisoned.Task, Explain: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Choices {
		want := map[string]string{poisoned.CID: "the last training left it out: wrong labels",
			alone.CID: "not compared: nobody else holds 3"}[c.Set.CID]
		if !strings.Contains(c.Why, want) {
			t.Errorf("%s: %q does not say %q", c.Set.CID, c.Why, want)
		}
	}
	if _, err := operations.Judge.Do(t.Context(), n, operations.Judged{Task: poisoned.Task}, nil); err != nil {
		t.Fatal(err)
	}
	if s, err := operations.Status.Do(t.Context(), n, api.None{}, nil); err != nil || len(s.Quarantined) != 0 {
		t.Errorf("after a training on all: %+v, %v", s.Quarantined, err)
	}
}
