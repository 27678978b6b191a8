package trainer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/distillmesh/distillmesh/node/fetching"
)

var errAway = errors.New("no peer has it")

// id makes a CID of a name.
func id(name string) cid.Cid {
	sum := sha256.Sum256([]byte(name))
	hash, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // the digest has the right length
	}
	return cid.NewCidV1(cid.Raw, hash)
}

// fake is a node whose tasks and sets a test decides on. It writes down what the
// trainer does, with the seconds since the start.
type fake struct {
	mu        sync.Mutex
	start     time.Time
	announced []string            // tasks
	joined    []string            // tasks
	sets      map[string][]string // task -> announced sets
	held      map[string][]string // task -> sets
	removed   map[string]bool
	signer    map[string]string        // task or set -> who offers it
	origin    map[string]string        // task or set -> where the offer entered the mesh
	auto      map[string]bool          // tasks that were joined automatically
	broken    map[string]error         // task or set -> why it cannot be had
	takes     map[string]time.Duration // set or task -> how long a fetch or training lasts
	blind     error                    // why nothing can be seen
	shy       error                    // why nobody can be told

	events             []string
	told               map[string]bool
	fetching, most     int
	training, trainers int // at once
	looks              int
}

func newFake() *fake {
	return &fake{sets: map[string][]string{}, held: map[string][]string{}, removed: map[string]bool{},
		broken: map[string]error{}, takes: map[string]time.Duration{}, told: map[string]bool{}, signer: map[string]string{},
		origin: map[string]string{}, auto: map[string]bool{},
		start: time.Now()}
}

func (f *fake) note(format string, args ...any) {
	f.events = append(f.events, fmt.Sprintf("%v ", time.Since(f.start))+fmt.Sprintf(format, args...))
}

func (f *fake) Look(ctx context.Context) (View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var v View
	f.looks++
	if f.blind != nil || ctx.Err() != nil {
		return v, errors.Join(f.blind, ctx.Err())
	}
	for _, task := range f.announced {
		v.Announced = append(v.Announced, f.item(task, id(task)))
	}
	for _, task := range f.joined {
		seen := Task{CID: id(task), Auto: f.auto[task], Held: slices.Sorted(slices.Values(f.held[task]))}
		for _, set := range f.sets[task] {
			if !slices.Contains(f.held[task], set) && !f.removed[set] {
				seen.Missing = append(seen.Missing, f.item(set, id(task)))
			}
		}
		v.Joined = append(v.Joined, seen)
	}
	return v, nil
}

// item is a task or set of a signer of its own, unless the test says whose.
func (f *fake) item(name string, task cid.Cid) fetching.Item {
	signer, ok := f.signer[name]
	if !ok {
		signer = "signer of " + name
	}
	return fetching.Item{Root: id(name), Task: task, Signers: []string{signer}, Origins: []string{f.origin[name]}}
}

// name is what a CID was made of.
func (f *fake) name(c cid.Cid) (name, task string) {
	for _, task := range append(slices.Clone(f.announced), f.joined...) {
		if id(task).Equals(c) {
			return task, ""
		}
		for _, set := range f.sets[task] {
			if id(set).Equals(c) {
				return set, task
			}
		}
	}
	return "?", ""
}

func (f *fake) Join(ctx context.Context, task cid.Cid) error {
	f.mu.Lock()
	name, _ := f.name(task)
	wait := f.takes[name]
	f.mu.Unlock()
	if wait > 0 && f.broken[name] != nil {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.broken[name]; err != nil {
		f.note("fails to join %s", name)
		return err
	}
	if !slices.Contains(f.joined, name) {
		f.note("joins %s", name)
		f.joined = append(f.joined, name)
		f.auto[name] = true
	}
	if f.shy == nil && !f.told[name] {
		f.told[name] = true
		f.note("volunteers for %s", name)
	}
	return f.shy
}

func (f *fake) Leave(_ context.Context, task cid.Cid) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, _ := f.name(task)
	f.note("leaves %s", name)
	f.joined = slices.DeleteFunc(f.joined, func(other string) bool { return other == name })
	delete(f.auto, name)
	delete(f.told, name)
	return nil
}

func (f *fake) Fetch(ctx context.Context, set cid.Cid) (Fetched, error) {
	f.mu.Lock()
	name, task := f.name(set)
	f.fetching++
	f.most = max(f.most, f.fetching)
	wait := f.takes[name]
	f.mu.Unlock()
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetching--
	switch err := f.broken[name]; {
	case ctx.Err() != nil:
		f.note("stops fetching %s", name)
		return Fetched{}, ctx.Err()
	case err != nil:
		f.note("fails to fetch %s", name)
		return Fetched{}, err
	case f.removed[name]:
		f.note("leaves %s", name)
		return Fetched{Here: true}, nil
	}
	f.note("fetches %s", name)
	f.held[task] = append(f.held[task], name)
	return Fetched{Bytes: 100}, nil
}

func (f *fake) Train(ctx context.Context, task cid.Cid) error {
	f.mu.Lock()
	name, _ := f.name(task)
	f.note("trains %s on %v", name, f.held[name])
	f.training++
	f.trainers = max(f.trainers, f.training)
	wait := f.takes[name]
	f.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.training--
	if ctx.Err() != nil {
		f.note("stops training %s", name)
		return ctx.Err()
	}
	return f.broken["training of "+name]
}

// scene runs a trainer on a fake in virtual time.
type scene struct {
	t     *testing.T
	node  *fake
	heard chan struct{}
	stop  context.CancelFunc
	ended chan struct{}
}

// play starts a trainer and lets a test go on from there.
func play(t *testing.T, opt Options, prepare func(*fake), script func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, node: newFake(), heard: make(chan struct{}, 1), ended: make(chan struct{})}
		prepare(s.node)
		if opt.MaxTasks == 0 {
			opt.MaxTasks = 10
		}
		if opt.Queue.Proven == nil {
			opt.Queue.Proven = func(string) bool { return true }
		}
		opt.Log = slog.New(slog.DiscardHandler)
		var ctx context.Context
		ctx, s.stop = context.WithCancel(t.Context())
		go func() {
			defer close(s.ended)
			New(s.node, opt).Run(ctx, s.heard)
		}()
		synctest.Wait()
		script(s)
		s.stop()
		<-s.ended
	})
}

// pass lets time pass.
func (s *scene) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// change alters the node; with announce the trainer hears of it.
func (s *scene) change(announce bool, f func(*fake)) {
	s.node.mu.Lock()
	f(s.node)
	s.node.mu.Unlock()
	if announce {
		s.heard <- struct{}{}
	}
	synctest.Wait()
}

// did compares what the trainer has done since the last time.
func (s *scene) did(want ...string) {
	s.t.Helper()
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	got := slices.Clone(s.node.events) // what happens at one time has no order
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("the trainer did\n%q, want\n%q", s.node.events, want)
	}
	s.node.events = nil
}
