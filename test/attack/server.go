package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// stall is how long a slow provider takes for each block.
const stall = 10 * time.Second

// poor is a store of blocks that answers as its owner likes.
type poor struct {
	datastore.Batching
	slow, withhold bool
	at             atomic.Bool // once it serves
}

// Get implements datastore.Read.
func (d *poor) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	content, err := d.Batching.Get(ctx, key)
	if err != nil || !d.at.Load() {
		return content, err
	}
	if d.withhold && len(content) > 512 { // the images, and not what leads to them
		return nil, datastore.ErrNotFound
	}
	if d.slow {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(stall):
		}
	}
	return content, nil
}

// serve is a peer that fetches every set, announces that it has it, and serves it badly.
func (a *attackers) serve(ctx context.Context, kind string) error {
	memory := func() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }
	files := &poor{Batching: memory(), slow: kind == kinds[6], withhold: kind == kinds[7]}
	store, err := blocks.New(files, memory(), 0, blocks.DefaultOptions())
	if err != nil {
		return err
	}
	book, err := announce.OpenBook(memory(), announce.DefaultOptions())
	if err != nil {
		return err
	}
	keys, err := newKeys(1)
	if err != nil {
		return err
	}
	cfg := p2p.DefaultConfig(p2p.ProfileEdge)
	cfg.Mesh, cfg.MDNS, cfg.PortMap = meshName, false, false
	cfg.Listen = []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")}
	m, err := p2p.Open(ctx, cfg, keys[0], store, book, memory())
	if err != nil {
		return err
	}
	for _, addr := range some(a.targets, 3) {
		if err := m.Connect(ctx, multiaddr.StringCast(addr)); err != nil {
			return errors.Join(err, m.Close())
		}
	}
	if err := m.Join(ctx, a.task); err != nil {
		return errors.Join(err, m.Close())
	}
	a.working.Go(func() {
		defer store.Close()
		defer m.Close()
		done := map[cid.Cid]bool{}
		a.each(ctx, 250*time.Millisecond, func(int) error { return a.copy(ctx, m, files, done) }, kind)
	})
	return nil
}

// copy takes one set more and announces it.
func (a *attackers) copy(ctx context.Context, m *p2p.Mesh, files *poor, done map[cid.Cid]bool) error {
	for _, r := range m.Book().Live(announce.Query{Task: a.task, Subject: announce.SubjectSet}) {
		if done[r.Root] || r.Kind != announce.Offer {
			continue
		}
		done[r.Root] = true
		files.at.Store(false)
		fetching, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := m.Fetch(fetching, r.Root, p2p.FetchOptions{Pin: "copy"})
		cancel()
		files.at.Store(true)
		if err != nil {
			return err
		}
		_, err = m.Publish(ctx, a.set(r.Root, r.Bytes))
		return err
	}
	return errNothing
}
