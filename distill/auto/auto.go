// Package auto chooses how to distill: the method and settings that gave the most
// accuracy per byte on held-out training samples, for the data of a device, the
// model to be trained, and the available time. docs/methods.md has the
// measurements behind the rules.
package auto

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/train/data"
)

// Name is given in place of the name of a method.
const Name = "auto"

// Summary is one line for lists of methods.
const Summary = "chooses one of the methods below for the data and for --time, and reports which and why; the default"

// Considers says what a choice depends on, in lines of a screen.
const Considers = `  data       images of at least 8 x 8: dm, whose images train any network; smaller images and rows of
             a table: k-means, the mean of each class or of clusters of it
  --time     a short trial measures this device, and dm takes one of seven numbers of iterations, the
             largest that fits; where none fits: k-means. Without --time, dm takes its usual number
  states     an interrupted distillation goes on with the number of iterations that it began with
  --budget   decides how many images there are and what they hold, never the method
`

// Question is what a choice depends on: the request, and how long its
// distillation may take, or 0 for as long as the chosen method takes by
// default.
type Question struct {
	Request distill.Request
	Time    time.Duration
	// Begun, when not nil, reports whether a distillation by a method was
	// interrupted and can be resumed: it is then chosen again, whatever the speed
	// of the device now.
	Begun func(distill.Method) bool
}

// Answer is a method with its settings, and why.
type Answer struct {
	Method distill.Method
	Why    string
}

// minSide is the smallest side of an image that matching methods can optimize.
const minSide = 8

// Choose answers. Without a time the answer depends on the request alone; with
// one, a short trial measures the device, and the answer may differ on another.
func Choose(ctx context.Context, q Question) (Answer, error) {
	if err := q.Request.Check(); err != nil {
		return Answer{}, err
	}
	a := For(q.Request.Samples.Shape)
	if _, ok := a.Method.(match.DM); ok && match.Few(q.Request) {
		a.Why += "; with so few samples per image its images are about as good as random real ones, which may not leave " +
			"the device (docs/bytes.md)"
	}
	if m, ok := a.Method.(match.DM); ok && q.Time > 0 {
		return inTime(ctx, q, m, a.Why)
	}
	return a, nil
}

// For is the choice for samples of a shape, without a limit of time.
func For(s data.Shape) Answer {
	// A component of a mixture may average only a sample or two; clusters are enlarged to the minimum.
	means := fmt.Sprintf("the mean of each class, or of clusters of at least %d samples of it", distill.LeastGroup)
	switch {
	case s.IsTable():
		return Answer{coreset.DefaultClusters(), "rows of a table have no pixels to optimize; " + means}
	case min(s.H, s.W) < minSide:
		return Answer{coreset.DefaultClusters(), fmt.Sprintf("images of %d x %d are too small to optimize; %s", s.H, s.W,
			means)}
	}
	return Answer{match.DefaultDM(),
		"its images have the features of the real ones in random networks, so that any network can train on them, " +
			"and it is cheap"}
}

// ladder lists the numbers of iterations that the time is rounded down to: few,
// so that small differences in speed do not change the choice.
func ladder(usual int) []int {
	return []int{usual / 20, usual / 10, usual / 5, usual / 2, usual, 2 * usual, 4 * usual}
}

// inTime chooses the number of iterations that fits the time.
func inTime(ctx context.Context, q Question, m match.DM, why string) (Answer, error) {
	usual := m.Steps(q.Request)
	steps := ladder(usual)
	for _, m.Iterations = range steps {
		if q.Begun != nil && q.Begun(m) {
			return Answer{m, fmt.Sprintf("%s; %d iterations, as when it began", why, m.Iterations)}, nil
		}
	}
	p, err := measure(ctx, q.Request, m)
	if err != nil {
		return Answer{}, err
	}
	left := (q.Time - p.before).Seconds()
	fit := 0
	if left > 0 {
		fit = int(math.Min(left/max(p.step.Seconds(), 1e-9), math.MaxInt32))
	}
	at, found := slices.BinarySearch(steps, fit)
	if !found {
		at--
	}
	if at < 0 {
		return Answer{coreset.DefaultClusters(),
			fmt.Sprintf("%s is too short to optimize images here (%s for %d iterations); centroids of each class",
				q.Time, rounded(p.before+time.Duration(steps[0])*p.step), steps[0])}, nil
	}
	if m.Iterations = steps[at]; steps[at] == usual {
		m.Iterations = 0 // the default, which no manifest has to name
	}
	return Answer{m, fmt.Sprintf("%s; %d iterations take about %s here, of the %s given", why, steps[at],
		rounded(p.before+time.Duration(steps[at])*p.step), q.Time)}, nil
}

// rounded is a time for people.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// pace is how long a method takes before its first step, and per step.
type pace struct{ before, step time.Duration }

// A trial ends after so many steps, or this long after the first.
const (
	trialSteps = 8
	trialTime  = 2 * time.Second
)

// measure runs the beginning of a distillation.
func measure(ctx context.Context, req distill.Request, m distill.Method) (pace, error) {
	trial, cancel := context.WithCancel(ctx)
	defer cancel()
	began, first, last, steps := time.Now(), time.Time{}, time.Time{}, 0
	req.Resume, req.Checkpoint = nil, nil
	req.Progress = func(distill.Progress) {
		last, steps = time.Now(), steps+1
		if steps == 1 {
			first = last
		}
		if steps > trialSteps || last.Sub(first) > trialTime {
			cancel()
		}
	}
	if _, err := m.Distill(trial, req); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() == nil) {
		return pace{}, err
	}
	if steps < 2 {
		return pace{before: last.Sub(began)}, nil
	}
	return pace{before: first.Sub(began), step: last.Sub(first) / time.Duration(steps-1)}, nil
}
