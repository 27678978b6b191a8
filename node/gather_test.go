package node

import (
	"math"
	"strings"
	"testing"
)

func set(cid, signer string, bytes int64, counts ...int) SetInfo {
	return SetInfo{CID: cid, Signers: []string{signer}, Bytes: bytes, Counts: counts}
}

// taken lists the CIDs that choose takes, in order.
func taken(all []Choice) string {
	var out []string
	for _, c := range all {
		if c.Taken {
			out = append(out, c.Set.CID)
		}
	}
	return strings.Join(out, " ")
}

func TestGatherCoversClassesBeforeItRepeatsThem(t *testing.T) {
	all := []SetInfo{set("a", "x", 100, 1, 1, 0), set("b", "x", 100, 1, 1, 0), set("c", "y", 100, 0, 0, 1)}
	if got := taken(choose(all, 3, 200, nil)); got != "a c" {
		t.Errorf("took %s, want a c: every class once before any twice", got)
	}
	if got := taken(choose(all, 3, 0, nil)); got != "a c b" {
		t.Errorf("without a budget took %s, want all", got)
	}
}

func TestGatherPrefersMoreImagesAByte(t *testing.T) {
	all := []SetInfo{set("large", "x", 1000, 1, 1), set("small", "x", 100, 1, 1)}
	if got := taken(choose(all, 2, 500, nil)); got != "small" {
		t.Errorf("took %s, want small", got)
	}
}

func TestGatherSaysWhyItLeavesASet(t *testing.T) {
	all := []SetInfo{set("a", "x", 100, 1, 0), set("b", "y", 100, 0, 1), set("odd", "x", 10, 1), set("huge", "x", 999, 0, 1)}
	want := map[string]string{"b": "--from", "odd": "does not fit the task", "huge": "budget", "a": "first images of class 0"}
	for _, c := range choose(all, 2, 150, []string{"x"}) {
		if !strings.Contains(c.Why, want[c.Set.CID]) || c.Taken != (c.Set.CID == "a") {
			t.Errorf("%s: taken %t because %q", c.Set.CID, c.Taken, c.Why)
		}
	}
}

func TestSetBodiesOfStrangersAreChecked(t *testing.T) {
	good := SetBody{Method: "gmm", Images: 2, Counts: []int{1, 1, 0}, Formation: 1}
	body, err := encodeBody(good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeSetBody(schemaSet, body, 3, 1000); err != nil || got.Images != 2 || got.Method != "gmm" {
		t.Errorf("read back %+v, %v", got, err)
	}
	for name, b := range map[string]SetBody{
		"more images than counted": {Images: 5, Counts: []int{1, 1, 0}, Formation: 1},
		"negative count":           {Images: 1, Counts: []int{2, -1, 0}, Formation: 1},
		"no images":                {Counts: []int{0, 0, 0}, Formation: 1},
		"more images than bytes":   {Images: math.MaxInt, Counts: []int{math.MaxInt, 0, 0}, Formation: 1},
		"a sum that overflows":     {Images: 4, Counts: []int{math.MaxInt/2 + 1, math.MaxInt/2 + 1, math.MaxInt/2 + 1}, Formation: 1},
		"other number of classes":  {Images: 1, Counts: []int{1}, Formation: 1},
		"no formation":             {Images: 2, Counts: []int{1, 1, 0}},
		"a formation of thousands": {Images: 2, Counts: []int{1, 1, 0}, Formation: 9000},
	} {
		body, err := encodeBody(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeSetBody(schemaSet, body, 3, 1000); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := decodeSetBody("set/9", body, 3, 1000); err == nil {
		t.Error("unknown schema accepted")
	}
}

func FuzzSetBody(f *testing.F) {
	body, _ := encodeBody(SetBody{Method: "gmm", Images: 2, Counts: []int{1, 1, 0}, Formation: 1})
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := decodeSetBody(schemaSet, body, 3, 1000); err == nil && len(b.Counts) != 3 {
			t.Errorf("accepted %+v", b)
		}
	})
}
