package fetching

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

func rootOf(t *testing.T, name string) cid.Cid {
	t.Helper()
	hash, err := multihash.Sum([]byte(name), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, hash)
}

func item(t *testing.T, name, task string, signers ...string) Item {
	return Item{Root: rootOf(t, name), Task: rootOf(t, task), Signers: signers}
}

func known(signer string) bool { return signer == "known" }

func TestEachSignerAndEachTaskHasItsPlaces(t *testing.T) {
	q := New(Options{Places: 8, Unproven: 5, PerTask: 6, PerSigner: 3, PerFresh: 2, Proven: known})
	started := func(n int, task string, signers ...string) (count int) {
		for i := range n {
			if q.Start(item(t, fmt.Sprint(signers, task, i), task, signers...)) {
				count++
			}
		}
		return count
	}
	for _, step := range []struct {
		task    string
		signers []string
		want    int
		why     string
	}{
		{"T", []string{"a"}, 2, "a fresh signer"},
		{"U", []string{"a"}, 0, "the same in another task"},
		{"T", []string{"b"}, 2, "another"},
		{"T", []string{"c"}, 1, "one of whom the places of fresh signers leave one"},
		{"T", []string{"known"}, 1, "a known signer in a task with one place left"},
		{"U", []string{"known"}, 2, "a known signer up to its places, and to all places"},
		{"U", []string{"a", "known"}, 0, "no place is left"},
	} {
		if got := started(4, step.task, step.signers...); got != step.want {
			t.Errorf("%s: %d start, want %d", step.why, got, step.want)
		}
	}
	done := item(t, fmt.Sprint([]string{"a"}, "T", 0), "T", "a")
	if q.Start(done) {
		t.Error("it runs twice")
	}
	q.Done(done, nil)
	if got := started(1, "V", "d"); got != 1 {
		t.Errorf("a place that was given back: %d start", got)
	}
	left := item(t, fmt.Sprint([]string{"d"}, "V", 0), "V", "d")
	q.Leave(left)
	q.Leave(left)
	if q.Due(left) != 0 || started(1, "V", "d") != 1 || started(1, "V", "e") != 0 {
		t.Error("what was left has to wait, or its place is taken or given twice")
	}
}

func TestWhoFailsWaitsAndNobodyElse(t *testing.T) {
	failed := errors.New("nobody answered")
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Proven: known})
		fake, other, shared := item(t, "1", "T", "liar"), item(t, "2", "T", "liar"), item(t, "3", "T", "liar", "honest")
		for _, want := range []time.Duration{5, 10, 20, 40} {
			if !q.Start(fake) {
				t.Fatal("it is due")
			}
			if got := q.Done(fake, failed); got != want*time.Second || q.Due(other) != got {
				t.Errorf("waits %v, the signer's other set %v; want %v", got, q.Due(other), want*time.Second)
			}
			if q.Start(fake) || q.Start(other) {
				t.Error("it starts before its time")
			}
			if q.Due(shared) != 0 {
				t.Error("what an honest signer offers too waits")
			}
			time.Sleep(want * time.Second) // virtual
		}
		if !q.Start(shared) {
			t.Error("it does not start")
		}
		q.Done(shared, nil) // both were right about it
		if q.Due(other) != 0 {
			t.Error("a signer who was right still waits")
		}
		q.Keep(nil)
		if len(q.roots) != 0 || len(q.signers) != 0 || q.Due(fake) != 0 {
			t.Error("what is not offered any more is remembered")
		}
	})
}

func TestKnownSignersComeFirstAndTheOthersInTurn(t *testing.T) {
	var items []Item
	for _, signer := range []string{"a", "a", "a", "b", "known", "known"} {
		items = append(items, item(t, fmt.Sprint(len(items)), "T", signer))
	}
	New(Options{Proven: known}).Order(items)
	var got []string
	for _, it := range items {
		got = append(got, it.Signers[0])
	}
	if want := []string{"known", "known", "a", "b", "a", "a"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}
