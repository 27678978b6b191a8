package auto

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

func question(shape data.Shape, d time.Duration) Question {
	return Question{Request: distill.Request{Samples: distilltest.Samples(shape, 3, []int{0, 2}, 30), IPC: 1,
		Device: device.Choice{Workers: 1}}, Time: d}
}

func TestTheChoiceSuitsTheDataAndTheTime(t *testing.T) {
	table, small, image := data.Shape{C: 1, H: 1, W: 13}, data.Shape{C: 1, H: 4, W: 4}, data.Shape{C: 1, H: 16, W: 16}
	for name, c := range map[string]struct {
		q            Question
		method, says string
	}{
		"a table":                    {question(table, 0), "k-means", "table"},
		"tiny images":                {question(small, time.Hour), "k-means", "4 x 4"},
		"images":                     {question(image, 0), "dm", "networks"},
		"images and much time":       {question(image, time.Hour), "dm", "of the 1h0m0s given"},
		"images and hardly a moment": {question(image, time.Nanosecond), "k-means", "too short"},
	} {
		a, err := Choose(context.Background(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if a.Method.Name() != c.method || !strings.Contains(a.Why, c.says) {
			t.Errorf("%s: %s, %q; want %s, %q", name, a.Method.Name(), a.Why, c.method, c.says)
		}
	}
}

// The iterations are one of a few numbers, and no more than the time holds.
func TestIterationsFitTheTime(t *testing.T) {
	q := question(data.Shape{C: 1, H: 16, W: 16}, 0)
	q.Time = time.Hour
	most, err := Choose(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	steps := ladder(match.DefaultDM().Steps(q.Request))
	if got := most.Method.(match.DM).Iterations; got != steps[len(steps)-1] {
		t.Errorf("%d iterations in an hour, want %d", got, steps[len(steps)-1])
	}
	q.Begun = func(m distill.Method) bool { return m.(match.DM).Iterations == steps[1] }
	if again, err := Choose(context.Background(), q); err != nil || again.Method.(match.DM).Iterations != steps[1] {
		t.Errorf("%+v, %v: want the %d iterations that were begun", again.Method, err, steps[1])
	}
	p, err := measure(context.Background(), q.Request, match.DefaultDM())
	if err != nil || p.step <= 0 || p.before <= 0 {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestAnUnanswerableQuestionIsRefused(t *testing.T) {
	if _, err := Choose(context.Background(), Question{}); !errors.Is(err, distill.ErrNoSamples) {
		t.Errorf("%v, want %v", err, distill.ErrNoSamples)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Choose(ctx, question(data.Shape{C: 1, H: 16, W: 16}, time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
