package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/selection"
)

// source serves sets in virtual time.
type source struct {
	mu       sync.Mutex
	start    time.Time
	first    map[string]time.Duration // until the first block; a set that is not named never comes
	takes    map[string]time.Duration // from then on; a set that is not named stops there
	verifies map[string]time.Duration // from the last block on
	trickle  time.Duration            // between blocks of a set that stops; 0 for none after the first
	begun    map[string]bool          // names of sets of which something came
	here     []string                 // names, in the order of arrival
	last     time.Duration            // when the last arrived
	names    map[string]string        // by CID
	asked    int
	bySelf   map[string]bool // signers of whom something arrived
	signer   map[string]string
}

func newSource() *source {
	return &source{first: map[string]time.Duration{}, takes: map[string]time.Duration{}, names: map[string]string{},
		bySelf: map[string]bool{}, signer: map[string]string{}, begun: map[string]bool{}}
}

// set adds a set of one image per class.
func (s *source) set(t *testing.T, name, signer string, bytes int64) operations.SetInfo {
	t.Helper()
	hash, err := multihash.Sum([]byte(name), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	c := cid.NewCidV1(cid.Raw, hash).String()
	s.names[c], s.signer[c] = name, signer
	return operations.SetInfo{CID: c, Signers: []string{signer}, Bytes: bytes, Counts: []int{1, 1}}
}

func (s *source) fetch(ctx context.Context, set string, report api.Report, complete func()) (operations.Fetched,
	error) {
	s.mu.Lock()
	s.asked++
	name := s.names[set]
	first, comes := s.first[name]
	if s.begun[name] {
		first = 0 // what had come is here
	}
	s.begun[name] = s.begun[name] || comes
	s.mu.Unlock()
	if !comes {
		select {
		case <-time.After(15 * time.Second):
			return operations.Fetched{}, errors.New("nobody answered")
		case <-ctx.Done():
			return operations.Fetched{}, ctx.Err()
		}
	}
	s.mu.Lock()
	takes, comes := s.takes[name]
	s.mu.Unlock()
	if !comes {
		takes = time.Minute
	}
	if pace := s.trickle; pace > 0 && !comes {
		ticks, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			for tick := time.NewTicker(pace); ; {
				select {
				case <-tick.C:
					report.Say(api.Progress{Done: 1})
				case <-ticks.Done():
					tick.Stop()
					return
				}
			}
		}()
	}
	for i, wait := range []time.Duration{first, takes} {
		select {
		case <-time.After(wait):
			if i > 0 && !comes {
				return operations.Fetched{}, errors.New("it stalled")
			}
			report.Say(api.Progress{Done: 1})
		case <-ctx.Done():
			return operations.Fetched{}, ctx.Err()
		}
	}
	complete()
	if verify := s.verifies[name]; verify > 0 {
		time.Sleep(verify) // virtual
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.here, s.last = append(s.here, name), time.Since(s.start)
	s.bySelf[s.signer[set]] = true
	return operations.Fetched{Bytes: 1000, Fetched: 1000}, nil
}

func (s *source) known(signer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bySelf[signer]
}

// gathered runs a gather of honest sets beside fakes, of which the first some send one block.
func gathered(t *testing.T, fakes, begin int, fakeBytes, budget int64) (s *source, out operations.Gathered,
	took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s = newSource()
		s.start = time.Now()
		var all []operations.SetInfo
		for i := range fakes {
			name := fmt.Sprint("fake ", i)
			all = append(all, s.set(t, name, fmt.Sprint("key ", i%20), fakeBytes))
			if i < begin {
				s.first[name] = 100 * time.Millisecond
			}
		}
		for i := range 10 {
			name := fmt.Sprint("honest ", i)
			all = append(all, s.set(t, name, fmt.Sprint("signer ", i), 1000))
			s.first[name], s.takes[name] = time.Second, time.Second
		}
		var err error
		out, err = Run(t.Context(), all, Options{Fetch: s.fetch,
			Want: selection.Request{Classes: 2, Budget: budget, Known: s.known}})
		took = time.Since(s.start)
		var coded *api.Error
		if err != nil && (!errors.As(err, &coded) || coded.Code != api.CodePartly) {
			t.Error(err)
		}
	})
	return s, out, took
}

func TestFakesDoNotCountAgainstTheBudgetNorHoldHonestSetsBack(t *testing.T) {
	_, _, quiet := gathered(t, 0, 0, 0, 10_000)
	for _, fakes := range []int{40, 400} {
		s, out, took := gathered(t, fakes, 0, 900, 10_000) // chosen before honest ones: they are smaller
		if len(s.here) != 10 || len(out.Sets) != 10 || out.Bytes != 10_000 {
			t.Errorf("beside %d fakes: %d of 10 honest sets", fakes, len(s.here))
		}
		if s.last > 2*quiet {
			t.Errorf("beside %d fakes the last honest set arrived after %v, quiet %v", fakes, s.last, quiet)
		}
		if took > 30*time.Second {
			t.Errorf("beside %d fakes it ended after %v", fakes, took)
		}
		for _, c := range out.Choices {
			name := s.names[c.Set.CID]
			if strings.HasPrefix(name, "honest") && (!c.Taken || c.Error != "") {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

func TestFakesThatSendOneBlockHoldTheBudgetForAFewPausesAndNoLonger(t *testing.T) {
	for _, fakes := range []int{40, 400} {
		s, out, took := gathered(t, fakes, fakes, 900, 10_000)
		if len(s.here) != 10 || len(out.Sets) != 10 || out.Bytes != 10_000 {
			t.Errorf("beside %d fakes: %d of 10 honest sets", fakes, len(s.here))
		}
		if s.last > 5*pause || took > s.last {
			t.Errorf("beside %d fakes the last honest set arrived after %v, it ended after %v", fakes, s.last, took)
		}
	}
}

func TestASetThatComesLateIsTakenIfItStillFits(t *testing.T) {
	for name, c := range map[string]struct {
		budget int64
		want   []string
	}{
		"it fits":         {2000, []string{"quick", "late"}},
		"it no more fits": {1000, []string{"quick"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSource()
			all := []operations.SetInfo{s.set(t, "late", "x", 900), s.set(t, "quick", "y", 1000)}
			s.first["late"], s.first["quick"] = 5*time.Second, time.Second
			s.takes["late"], s.takes["quick"] = 0, 0
			out, err := Run(t.Context(), all, Options{Fetch: s.fetch, Want: selection.Request{Classes: 2, Budget: c.budget}})
			if err != nil || !slices.Equal(s.here, c.want) || len(out.Sets) != len(c.want) || len(out.Choices) != 2 {
				t.Errorf("%s: %v are here, want %v; %+v, %v", name, s.here, c.want, out, err)
			}
		})
	}
}

// Fakes whose blocks trickle take what was set aside for honest sets that come a little late, and
// then end.
func TestHonestSetsAreTakenOnceFakesThatTrickleHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		s.trickle = 300 * time.Millisecond
		var all []operations.SetInfo
		for i := range 40 {
			name := fmt.Sprint("fake ", i)
			all = append(all, s.set(t, name, fmt.Sprint("key ", i%20), 1100)) // chosen after honest ones
			s.first[name] = 100 * time.Millisecond
		}
		for i := range 10 {
			name := fmt.Sprint("honest ", i)
			all = append(all, s.set(t, name, fmt.Sprint("signer ", i), 1000))
			s.first[name], s.takes[name] = time.Second, 400*time.Millisecond
		}
		out, _ := Run(t.Context(), all, Options{Fetch: s.fetch, Want: selection.Request{Classes: 2, Budget: 10_000}})
		if len(s.here) != 10 || len(out.Sets) != 10 || out.Bytes != 10_000 {
			t.Errorf("%d of 10 honest sets, %d bytes", len(out.Sets), out.Bytes)
		}
	})
}

// What is complete keeps its bytes of the budget while it is verified, however long that takes.
func TestASetThatIsBeingVerifiedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		all := []operations.SetInfo{s.set(t, "large", "x", 900), s.set(t, "other", "y", 1000)}
		s.first["large"], s.takes["large"], s.first["other"], s.takes["other"] = 0, 0, 0, 0
		s.verifies = map[string]time.Duration{"large": time.Minute}
		out, err := Run(t.Context(), all, Options{Fetch: s.fetch, Want: selection.Request{Classes: 2, Budget: 1000}})
		if err != nil || !slices.Equal(s.here, []string{"large"}) || len(out.Sets) != 1 {
			t.Errorf("%v are here; %+v, %v", s.here, out, err)
		}
	})
}

func TestAGatherEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := Run(ctx, []operations.SetInfo{s.set(t, "fake", "x", 1)}, Options{Fetch: s.fetch,
			Want: selection.Request{Classes: 2}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
