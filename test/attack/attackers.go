package main

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// kinds are what attackers do, one after the other.
var kinds = []string{"fake tasks", "fake sets", "lies about sets", "forged withdrawals", "replays and damaged records",
	"hellos of fresh keys", "slow providers", "providers that withhold a block", "scores of nothing",
	"lies about scores"}

// tally counts what attackers did.
type tally struct {
	mu sync.Mutex
	n  map[string]int64
}

func (t *tally) add(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[kind]++
}

func (t *tally) counts() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]int64{}
	for kind, n := range t.n {
		out[kind] = n
	}
	return out
}

// attackers are all of them at work.
type attackers struct {
	said    tally
	task    cid.Cid
	targets []string
	every   time.Duration // between two actions of one of them
	working sync.WaitGroup
	cancel  context.CancelFunc
}

// attack starts them. Each knows three honest nodes.
func (p plan) attack(ctx context.Context, h *honest) (*attackers, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &attackers{cancel: cancel, said: tally{n: map[string]int64{}},
		every: time.Duration(float64(time.Second) * float64(p.attackers) / p.rate)}
	for _, one := range h.all() {
		a.targets = append(a.targets, one.addr)
	}
	var err error
	if a.task, err = artifact.TaskCID(data.WellKnownTask(taskName)); err != nil {
		return a, err
	}
	for i := range p.attackers {
		if err := a.begin(ctx, kinds[i%len(kinds)]); err != nil {
			return a, err
		}
	}
	return a, nil
}

// begin starts one attacker.
func (a *attackers) begin(ctx context.Context, kind string) error {
	switch kind {
	case kinds[5]:
		a.working.Go(func() { a.greet(ctx, kind) })
		return nil
	case kinds[6], kinds[7]:
		return a.serve(ctx, kind)
	}
	const keys = 4
	s, err := newSpeaker(ctx, keys, a.task)
	if err != nil {
		return err
	}
	for _, addr := range some(a.targets, 3) {
		if err := s.connect(ctx, addr); err != nil {
			return errors.Join(err, s.close())
		}
	}
	a.working.Go(func() {
		defer s.close()
		a.each(ctx, a.every, func(i int) error {
			if i%256 == 255 { // keys are free
				if s.keys, err = newKeys(keys); err != nil {
					return err
				}
			}
			return a.speak(ctx, s, kind, i)
		}, kind)
	})
	return nil
}

// each does something again and again until ctx ends. What is refused does not stop it.
func (a *attackers) each(ctx context.Context, every time.Duration, act func(i int) error, kind string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if act(i) == nil {
			a.said.add(kind)
		}
	}
}

// errNothing is the outcome where nothing was heard yet.
var errNothing = errors.New("nothing to speak of")

// speak says one thing of a kind.
func (a *attackers) speak(ctx context.Context, s *speaker, kind string, i int) error {
	fake := announce.Announcement{Task: noContent(), Kind: announce.Offer, Subject: announce.SubjectTask, Bytes: 1,
		Blocks: 1}
	fake.Root = fake.Task
	switch kind {
	case kinds[0]:
		return s.say(ctx, fake)
	case kinds[1]:
		return s.say(ctx, a.set(noContent(), 1000))
	case kinds[8]:
		return a.sayScore(ctx, s, noContent())
	}
	known := s.records(announce.SubjectSet)
	if len(known) == 0 {
		return errNothing
	}
	r := some(known, 1)[0]
	switch kind {
	case kinds[2]:
		lie := a.set(r.Root, []int64{1 << 50, 1, r.Bytes - 1, r.Bytes + 1}[i%4])
		if i%3 == 0 {
			lie.Subject, lie.Schema, lie.Body = announce.SubjectModel, catalogue.SchemaModel, nil
		}
		return s.say(ctx, lie)
	case kinds[3]:
		return s.say(ctx, announce.Announcement{Task: r.Task, Kind: announce.Withdraw, Subject: r.Subject, Root: r.Root})
	}
	if kind == kinds[9] {
		if i%2 == 0 { // who offers the set claims, who does not attests
			if err := s.say(ctx, a.set(r.Root, r.Bytes)); err != nil {
				return err
			}
			s.seq-- // by the same key
		}
		return a.sayScore(ctx, s, r.Root)
	}
	envelope := bytes.Clone(r.Envelope)
	if i%16 == 0 { // a peer that sends many of these is cut off
		envelope[len(envelope)-1-i/16%len(envelope)] ^= 1
	}
	return s.bus.Publish(ctx, r.Topic(), envelope)
}

func (a *attackers) sayScore(ctx context.Context, s *speaker, root cid.Cid) error {
	draft, err := a.score(root)
	if err != nil {
		return err
	}
	return s.say(ctx, draft)
}

// set announces a set of a plausible kind.
func (a *attackers) set(root cid.Cid, size int64) announce.Announcement {
	body, err := catalogue.EncodeBody(catalogue.SetBody{Method: "gmm", Images: 2, Formation: 1,
		Counts: []int{1, 1, 0, 0, 0, 0, 0, 0, 0, 0}})
	if err != nil {
		panic(err) // a body of this program
	}
	return announce.Announcement{Task: a.task, Kind: announce.Have, Subject: announce.SubjectSet, Root: root, Bytes: size,
		Blocks: 4, Schema: catalogue.SchemaSet, Body: body}
}

// greet comes and goes with a fresh key each time.
func (a *attackers) greet(ctx context.Context, kind string) {
	a.each(ctx, max(a.every, time.Second), func(int) error {
		s, err := newSpeaker(ctx, 1, a.task)
		if err != nil {
			return err
		}
		err = s.connect(ctx, some(a.targets, 1)[0])
		return errors.Join(err, s.close())
	}, kind)
}

// stop ends all of them.
func (a *attackers) stop() error {
	if a != nil {
		a.cancel()
		a.working.Wait()
	}
	return nil
}
