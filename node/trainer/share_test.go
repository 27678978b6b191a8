package trainer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// announceFake adds tasks that twenty keys announce, all from one place.
func announceFake(n int, origin string) func(*fake) {
	return func(f *fake) {
		for i := range n {
			name := fmt.Sprint("fake ", i)
			f.announced = append(f.announced, name)
			f.signer[name], f.origin[name] = fmt.Sprint("key ", i%20), origin
		}
	}
}

// Twenty keys announce 2,000 tasks whose documents they serve. They get the half that one
// place where records enter may have, and a tenth each at most; who comes later from
// elsewhere finds room at once.
func TestTasksOfManyKeysLeaveRoomForOthers(t *testing.T) {
	play(t, Options{MaxTasks: 40}, announceFake(2000, "relayed by a neighbor"), func(s *scene) {
		s.pass(time.Minute)
		s.change(true, func(f *fake) {
			if len(f.joined) != 20 {
				t.Errorf("%d fake tasks joined, want 20", len(f.joined))
			}
			f.announced = append(f.announced, "honest")
			f.events = nil
		})
		s.pass(time.Second)
		s.change(false, func(f *fake) {
			if !slices.Contains(f.joined, "honest") {
				t.Errorf("the honest task is not joined: %v", f.events)
			}
			f.events = nil
		})
	})
}

func TestOneSignerHasATenthOfTheTasks(t *testing.T) {
	one := func(f *fake) {
		announceFake(100, "")(f)
		for name := range f.signer {
			f.signer[name] = "one"
		}
	}
	for name, tt := range map[string]struct {
		proven func(string) bool
		want   int
	}{"unknown": {func(string) bool { return false }, 4}, "known": {func(string) bool { return true }, 10}} {
		t.Run(name, func(t *testing.T) {
			opt := Options{MaxTasks: 40}
			opt.Queue.Proven, opt.Queue.PerSigner = tt.proven, 8
			play(t, opt, one, func(s *scene) {
				s.pass(time.Minute)
				s.change(false, func(f *fake) {
					if len(f.joined) != tt.want {
						t.Errorf("%d joined, want %d", len(f.joined), tt.want)
					}
					f.events = nil
				})
			})
		})
	}
}

// Twenty keys that are peers themselves take all places. Who comes later has room after seconds;
// each of the keys keeps at least one place.
func TestWhoHasNoPlaceTakesOneOfThoseWhoHaveMost(t *testing.T) {
	direct := func(f *fake) {
		announceFake(400, "")(f)
		for name, signer := range f.signer {
			f.origin[name] = signer
		}
	}
	opt := Options{MaxTasks: 40}
	play(t, opt, direct, func(s *scene) {
		s.pass(time.Minute)
		s.change(true, func(f *fake) {
			if len(f.joined) != 40 {
				t.Errorf("%d fake tasks joined, want 40", len(f.joined))
			}
			for i := range 5 {
				f.announced = append(f.announced, fmt.Sprint("honest ", i))
			}
			f.events = nil
		})
		s.pass(30 * time.Second)
		s.change(false, func(f *fake) {
			of := map[string]int{}
			for _, task := range f.joined {
				of[f.signer[task]]++
			}
			if of[""] != 5 || len(of) != 21 || len(f.joined) != 40 {
				t.Errorf("%d tasks joined, of %d keys, 5 of them honest: %v", len(f.joined), len(of)-1, of)
			}
			f.events = nil
		})
	})
}

// All places are taken by tasks of which nobody publishes a set, but for one. Those give way
// to others that wait, the one that has sets stays, and so does what the owner joined.
func TestTasksWithoutSetsGiveWayToTasksThatWait(t *testing.T) {
	prepare := func(f *fake) {
		f.joined = []string{"own"}
		f.announced = []string{"a", "b", "c"}
		f.sets["b"] = []string{"set of b"}
	}
	play(t, Options{MaxTasks: 4}, prepare, func(s *scene) {
		s.pass(9 * time.Minute)
		s.change(true, func(f *fake) {
			f.announced = append(f.announced, "late", "later")
			f.events = nil
		})
		s.pass(30 * time.Second)
		s.did()
		s.pass(2 * time.Minute)
		s.change(false, func(f *fake) {
			if !slices.Equal(slices.Sorted(slices.Values(f.joined)), []string{"b", "late", "later", "own"}) {
				t.Errorf("joined %q after %s", f.joined, strings.Join(f.events, ", "))
			}
			f.events = nil
		})
		// Nobody waits for long: those that left come back as the new ones stay empty.
		s.pass(25 * time.Minute)
		s.change(false, func(f *fake) {
			if all := strings.Join(f.events, ", "); !strings.Contains(all, "joins a") || !strings.Contains(all, "joins c") {
				t.Errorf("%s", all)
			}
			f.events = nil
		})
	})
}
