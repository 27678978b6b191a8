package trainer

import (
	"errors"
	"testing"
	"time"
)

func TestItTrainsOnceTheSetsHaveSettled(t *testing.T) {
	play(t, Options{Auto: true, Settle: time.Minute}, joined(map[string][]string{"T": {"a"}}), func(s *scene) {
		s.did("0s fetches a")
		s.pass(40 * time.Second)
		s.change(true, func(f *fake) { f.sets["T"] = []string{"a", "b"} })
		s.did("40s fetches b") // the minute begins anew
		s.pass(59 * time.Second)
		s.did()
		s.pass(time.Second)
		s.did("1m40s trains T on [a b]")
		s.pass(time.Hour)
		s.did() // the same sets are not trained on again
		s.change(true, func(f *fake) { f.sets["T"] = []string{"a", "b", "c"} })
		s.pass(time.Minute)
		s.did("1h1m40s fetches c", "1h2m40s trains T on [a b c]")
	})
}

func TestItTrainsOnlyWhenToldTo(t *testing.T) {
	play(t, Options{Settle: time.Second}, joined(map[string][]string{"T": {"a"}}), func(s *scene) {
		s.pass(time.Hour)
		s.did("0s fetches a")
	})
}

func TestItTrainsAtOnceOnWhatWasHereBefore(t *testing.T) {
	play(t, Options{Auto: true, Settle: time.Hour}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}, "U": nil})(f)
		f.held["T"] = []string{"a"}
	}, func(s *scene) {
		s.did("0s trains T on [a]") // and not U, which has no sets
	})
}

func TestOneTrainingRunsAtATime(t *testing.T) {
	play(t, Options{Auto: true, Settle: time.Second}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}, "U": {"b"}})(f)
		f.held["T"], f.held["U"] = []string{"a"}, []string{"b"}
		f.takes["T"] = 100 * time.Second
	}, func(s *scene) {
		s.did("0s trains T on [a]")
		s.pass(90 * time.Second)
		s.did()
		s.pass(30 * time.Second)
		s.did("2m0s trains U on [b]") // at the look after the first has ended
		if s.node.trainers != 1 {
			t.Errorf("%d trainings ran at once", s.node.trainers)
		}
	})
}

func TestATrainingThatFailedWaitsForOtherSets(t *testing.T) {
	play(t, Options{Auto: true, Settle: time.Second}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.held["T"], f.broken["training of T"] = []string{"a"}, errors.New("diverged")
	}, func(s *scene) {
		s.did("0s trains T on [a]")
		s.pass(time.Hour)
		s.did()
		s.change(true, func(f *fake) { f.sets["T"], f.held["T"] = []string{"b"}, []string{"b"} })
		s.did("1h0m0s trains T on [b]")
	})
}

func TestAShutdownEndsATrainingAndWaitsForIt(t *testing.T) {
	play(t, Options{Auto: true}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.held["T"], f.takes["T"] = []string{"a"}, time.Hour
	}, func(s *scene) {
		s.did("0s trains T on [a]")
		s.pass(time.Minute)
		s.stop()
		<-s.ended
		s.did("1m0s stops training T")
	})
}
