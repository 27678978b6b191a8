package trainer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/fetching"
)

// joined is a node in tasks whose sets are announced.
func joined(sets map[string][]string) func(*fake) {
	return func(f *fake) {
		for _, task := range []string{"T", "U"} {
			if all, ok := sets[task]; ok {
				f.joined = append(f.joined, task)
				f.sets[task] = all
				f.told[task] = true
			}
		}
	}
}

func TestItJoinsWhatIsAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		max     int
		prepare func(*fake)
		want    []string
	}{
		"nothing": {10, func(*fake) {}, nil},
		"two tasks": {10, func(f *fake) { f.announced = []string{"T", "U"} },
			[]string{"0s joins T", "0s volunteers for T", "0s joins U", "0s volunteers for U"}},
		"one that it takes part in": {10, func(f *fake) { f.announced, f.joined = []string{"T"}, []string{"T"} },
			[]string{"0s volunteers for T"}},
		"more than it may join": {2, func(f *fake) { f.announced = []string{"T", "U", "V"} },
			[]string{"0s joins T", "0s volunteers for T", "0s joins U", "0s volunteers for U"}},
		"more than it may join, some joined by its owner": {2,
			func(f *fake) { f.announced, f.joined = []string{"T", "U"}, []string{"W", "X", "Y"} },
			[]string{"0s volunteers for W", "0s volunteers for X", "0s volunteers for Y"}},
		"one that cannot be joined": {1,
			func(f *fake) { f.announced, f.broken["T"] = []string{"T", "U"}, errAway },
			[]string{"0s fails to join T", "0s joins U", "0s volunteers for U"}},
		"nobody to tell": {10, func(f *fake) { f.announced, f.shy = []string{"T"}, errAway }, []string{"0s joins T"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, Options{MaxTasks: c.max}, c.prepare, func(s *scene) { s.did(c.want...) })
		})
	}
}

func TestASetThatFailsIsTriedAgainLaterAndLater(t *testing.T) {
	play(t, Options{}, joined(map[string][]string{"T": {"a"}}), func(s *scene) {
		s.did("0s fetches a")
		s.change(true, func(f *fake) { f.sets["T"], f.broken["b"] = []string{"a", "b"}, errAway })
		s.did("0s fails to fetch b")
		at := time.Duration(0)
		for _, wait := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 600, 600, 600} {
			wait *= time.Second
			s.pass(wait - time.Second)
			s.did() // not before
			s.pass(time.Second)
			at += wait
			s.did(fmt.Sprintf("%v fails to fetch b", at))
		}
		s.change(false, func(f *fake) { delete(f.broken, "b") })
		s.pass(10 * time.Minute)
		s.did(fmt.Sprintf("%v fetches b", at+10*time.Minute))
	})
}

func TestASuccessForgetsEarlierFailures(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.broken["a"] = errAway
	}, func(s *scene) {
		s.pass(20 * time.Second)
		s.did("0s fails to fetch a", "5s fails to fetch a", "15s fails to fetch a")
		s.change(false, func(f *fake) { delete(f.broken, "a") })
		s.pass(20 * time.Second)
		s.did("35s fetches a")
		s.change(true, func(f *fake) { f.held["T"], f.broken["a"] = nil, errAway })
		s.pass(6 * time.Second)
		s.did("40s fails to fetch a", "45s fails to fetch a")
	})
}

// What expires while it waits is forgotten: announced again, it is fetched at once.
func TestRootsThatExpiredAreForgotten(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.announced, f.broken["a"], f.broken["V"] = []string{"V"}, errAway, errAway
	}, func(s *scene) {
		s.pass(16 * time.Second)
		s.did("0s fails to join V", "0s fails to fetch a", "5s fails to join V", "5s fails to fetch a",
			"15s fails to join V", "15s fails to fetch a")
		s.change(true, func(f *fake) { f.sets["T"], f.announced = nil, nil })
		s.did()
		s.change(true, func(f *fake) { f.sets["T"], f.announced = []string{"a"}, []string{"V"} })
		s.did("16s fails to join V", "16s fails to fetch a")
		s.pass(6 * time.Second) // the waits are those of a first failure
		s.did("21s fails to join V", "21s fails to fetch a")
	})
}

func TestATaskThatMayNotBeJoinedAnyMoreDoesNotKeepItBusy(t *testing.T) {
	play(t, Options{MaxTasks: 1}, func(f *fake) {
		f.announced, f.broken["T"] = []string{"T", "U"}, errAway
	}, func(s *scene) {
		s.did("0s fails to join T", "0s joins U", "0s volunteers for U")
		s.pass(5 * time.Second) // T is due from now on
		s.change(false, func(f *fake) { f.looks = 0 })
		s.pass(10 * time.Second)
		s.did()
		if s.node.looks > 3*11 {
			t.Errorf("the trainer looked %d times in 10 seconds", s.node.looks)
		}
	})
}

func TestRemovedSetsAreNotFetched(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		joined(map[string][]string{"T": {"a", "b"}})(f)
		f.removed["a"] = true
	}, func(s *scene) {
		s.did("0s fetches b")
		s.change(true, func(f *fake) { f.removed["a"] = false })
		s.did("0s fetches a")
	})
}

// A set that is removed while it waits to be fetched does not count as new.
func TestASetThatIsNotWantedAnyMoreChangesNothing(t *testing.T) {
	play(t, Options{Auto: true, Settle: time.Minute}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.held["T"], f.takes["a"] = []string{"h"}, 10*time.Second
	}, func(s *scene) {
		s.change(false, func(f *fake) { f.removed["a"] = true })
		s.pass(10 * time.Second)
		s.did("10s leaves a", "10s trains T on [h]")
	})
}

func TestSetsOfOneSignerAreFetchedEightAtATime(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		sets := []string{}
		for i := range 20 {
			sets = append(sets, fmt.Sprint("s", i))
			f.takes[sets[i]], f.signer[sets[i]] = time.Minute, "one"
		}
		joined(map[string][]string{"T": sets[:10], "U": sets[10:]})(f)
	}, func(s *scene) {
		s.pass(time.Minute)
		s.pass(2 * time.Minute)
		if len(s.node.events) != 20 || s.node.most != 8 {
			t.Errorf("%d sets in 3 minutes, %d at once; want 20 and 8", len(s.node.events), s.node.most)
		}
	})
}

// unproven says that nothing of any signer was verified.
func unproven(string) bool { return false }

// attack adds fake sets by twenty fresh keys to those of one honest signer, and counts
// the seconds until all honest ones are here. A fake is given up after 15 seconds.
func attack(t *testing.T, fakes int, proven func(string) bool) (took time.Duration) {
	t.Helper()
	play(t, Options{Queue: fetching.Options{Proven: proven}}, func(f *fake) {
		var sets []string
		for i := range fakes {
			name := fmt.Sprint("fake ", i)
			sets = append(sets, name)
			f.signer[name], f.takes[name], f.broken[name] = fmt.Sprint("key ", i%20), 15*time.Second, errAway
		}
		for i := range 10 {
			name := fmt.Sprint("honest ", i)
			sets = append(sets, name)
			f.signer[name], f.takes[name] = "honest", time.Second
		}
		joined(map[string][]string{"T": sets})(f)
	}, func(s *scene) {
		s.pass(10 * time.Minute)
		s.node.mu.Lock()
		defer s.node.mu.Unlock()
		honest := 0
		for _, e := range s.node.events {
			at, what, _ := strings.Cut(e, " ")
			if strings.HasPrefix(what, "fetches honest") {
				honest++
				took, _ = time.ParseDuration(at)
			}
		}
		if honest != 10 {
			t.Errorf("%d of 10 honest sets", honest)
		}
		if n := len(s.node.events) - honest; n > 20*10 {
			t.Errorf("%d fetches of fake sets in 10 minutes", n)
		}
	})
	return took
}

func TestFakeSetsDoNotHoldHonestOnesBack(t *testing.T) {
	for name, proven := range map[string]func(string) bool{
		"of a signer who is new":         unproven,
		"of a signer who was right once": func(signer string) bool { return signer == "honest" },
	} {
		quiet := attack(t, 0, proven)
		for _, fakes := range []int{40, 400} {
			if took := attack(t, fakes, proven); took > 2*quiet {
				t.Errorf("%s: beside %d fake sets %v, quiet %v", name, fakes, took, quiet)
			}
		}
	}
}

func TestFakeTasksHoldNeitherSetsNorHonestTasksBack(t *testing.T) {
	play(t, Options{MaxTasks: 64, Queue: fetching.Options{Proven: unproven}}, func(f *fake) {
		for i := range 6600 {
			name := fmt.Sprint("fake ", i)
			f.announced = append(f.announced, name)
			f.signer[name], f.takes[name], f.broken[name] = fmt.Sprint("key ", i%20), 5*time.Second, errAway
		}
		f.announced = append(f.announced, "honest")
		joined(map[string][]string{"T": {"a"}})(f)
	}, func(s *scene) {
		s.did("0s fetches a", "0s joins honest", "0s volunteers for honest")
		s.pass(10 * time.Minute)
		if n := len(s.node.events); n > 20*10 {
			t.Errorf("%d joins of fake tasks in 10 minutes", n)
		}
	})
}

func TestAnAnnouncementWakesIt(t *testing.T) {
	play(t, Options{}, joined(map[string][]string{"T": nil}), func(s *scene) {
		s.pass(7 * time.Second)
		s.change(true, func(f *fake) { f.sets["T"] = []string{"a"} })
		s.did("7s fetches a")
		s.change(false, func(f *fake) { f.sets["T"] = []string{"a", "b"} }) // what it does not hear of
		s.did()
		s.pass(lookEvery)
		s.did("37s fetches b")
	})
}

func TestItLooksAgainWhenItCouldSeeNothing(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		joined(map[string][]string{"T": {"a"}})(f)
		f.blind = errors.New("the store is damaged")
	}, func(s *scene) {
		s.pass(10 * time.Second)
		s.did()
		s.change(false, func(f *fake) { f.blind = nil })
		s.pass(20 * time.Second)
		s.did("30s fetches a")
	})
}

func TestAShutdownEndsAFetch(t *testing.T) {
	play(t, Options{}, func(f *fake) {
		joined(map[string][]string{"T": {"a", "b"}})(f)
		f.takes["a"], f.takes["b"] = time.Hour, time.Hour
	}, func(s *scene) {
		s.pass(time.Minute)
		s.stop()
		<-s.ended
		if n := len(s.node.events); n != 2 || s.node.fetching != 0 {
			t.Errorf("%d fetches ended, %d go on: %q", n, s.node.fetching, s.node.events)
		}
	})
}
