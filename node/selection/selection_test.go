package selection

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/operations"
)

func set(cid, signer string, bytes int64, counts ...int) operations.SetInfo {
	return operations.SetInfo{CID: cid, Signers: []string{signer}, Bytes: bytes, Counts: counts}
}

// taken lists the CIDs that Choose takes, in order.
func taken(all []operations.Choice) string {
	var out []string
	for _, c := range all {
		if c.Taken {
			out = append(out, c.Set.CID)
		}
	}
	return strings.Join(out, " ")
}

func TestGatherCoversClassesBeforeItRepeatsThem(t *testing.T) {
	all := []operations.SetInfo{set("a", "x", 100, 1, 1, 0), set("b", "x", 100, 1, 1, 0), set("c", "y", 100, 0, 0, 1)}
	if got := taken(Choose(all, Request{Classes: 3, Budget: 200})); got != "a c" {
		t.Errorf("took %s, want a c: every class once before any twice", got)
	}
	if got := taken(Choose(all, Request{Classes: 3, Budget: 0})); got != "a c b" {
		t.Errorf("without a budget took %s, want all", got)
	}
}

func TestGatherPrefersMoreImagesAByte(t *testing.T) {
	all := []operations.SetInfo{set("large", "x", 1000, 1, 1), set("small", "x", 100, 1, 1)}
	if got := taken(Choose(all, Request{Classes: 2, Budget: 500})); got != "small" {
		t.Errorf("took %s, want small", got)
	}
}

func TestGatherSaysWhyItLeavesASet(t *testing.T) {
	all := []operations.SetInfo{set("a", "x", 100, 1, 0), set("b", "y", 100, 0, 1), set("odd", "x", 10, 1),
		set("huge", "x", 999, 0, 1)}
	want := map[string]string{"b": "--from", "odd": "does not fit the task", "huge": "budget",
		"a": "first images of class 0"}
	for _, c := range Choose(all, Request{Classes: 2, Budget: 150, From: []string{"x"}}) {
		if !strings.Contains(c.Why, want[c.Set.CID]) || c.Taken != (c.Set.CID == "a") {
			t.Errorf("%s: taken %t because %q", c.Set.CID, c.Taken, c.Why)
		}
	}
}

func TestGatherTakesKnownSignersFirstAndCountsWhatIsThere(t *testing.T) {
	all := []operations.SetInfo{set("new", "x", 10, 9, 9), set("known", "y", 100, 1, 1)}
	known := func(signer string) bool { return signer == "y" }
	if got := taken(Choose(all, Request{Classes: 2, Known: known})); got != "known new" {
		t.Errorf("took %s, want the known signer's first", got)
	}
	all = []operations.SetInfo{set("a", "x", 10, 1, 0), set("b", "x", 10, 0, 1)}
	if got := taken(Choose(all, Request{Classes: 2, Have: []int{5, 0}})); got != "b a" {
		t.Errorf("took %s, want the class that is missing first", got)
	}
	if got := taken(Choose(all, Request{Classes: 2, Budget: -1})); got != "" {
		t.Errorf("took %s with nothing left", got)
	}
}
