package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestFirstRunsGoBeforeRepeats(t *testing.T) {
	var ran []string
	q := newQueue(time.Now().Add(time.Hour))
	for _, source := range []string{"a", "b"} {
		for seed := range uint64(3) {
			q.add(training{source: source, seed: seed, run: func(context.Context) error {
				ran = append(ran, fmt.Sprint(source, seed))
				return nil
			}})
		}
	}
	q.close()
	if err := q.work(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a0", "b0", "a1", "b1", "a2", "b2"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

// Late, every first run is done and no repeat that cannot end in time.
func TestLateRepeatsAreLeftOut(t *testing.T) {
	q := newQueue(time.Now().Add(time.Minute))
	for _, kind := range []training{{source: "long"}, {source: "long", seed: 1}, {source: "short", seed: 1}} {
		q.add(kind)
	}
	q.close()
	first, _ := q.next()
	q.ended(first, time.Hour)
	if next, ok := q.next(); first.seed != 0 || !ok || next.source != "short" || q.leftOut != 1 {
		t.Errorf("after %+v came %+v (%v), %d left out; want the short repeat and 1", first, next, ok, q.leftOut)
	}
}

// Workers that wait end with the context, and with another's failure.
func TestQueueEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	q := newQueue(time.Now().Add(time.Hour))
	cancel()
	if err := q.work(ctx, 2); err != nil {
		t.Errorf("a queue without trainings: %v", err)
	}
	q = newQueue(time.Now().Add(time.Hour))
	broken := errors.New("diverged")
	q.add(training{run: func(context.Context) error { return broken }})
	if err := q.work(t.Context(), 2); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
