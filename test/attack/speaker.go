package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multihash"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/members"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// speaker is a peer that greets like any other and then says what it likes: records of
// many keys, false, old or damaged.
type speaker struct {
	host host.Host
	bus  *gossip.Bus
	keys []crypto.PrivKey
	seq  uint64

	mu    sync.Mutex
	heard []announce.Record // of others
}

// streams closes peers as a Greeter wants.
type streams struct{ host.Host }

func (s streams) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	return s.Host.NewStream(ctx, p, protocols...)
}

func (s streams) ClosePeer(p peer.ID) error { return s.Network().ClosePeer(p) }

// newKeys makes fresh keys: they are free.
func newKeys(n int) (out []crypto.PrivKey, err error) {
	for range n {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, nil
}

// newSpeaker makes a peer with so many keys to sign by, in a task.
func newSpeaker(ctx context.Context, keys int, task cid.Cid) (s *speaker, err error) {
	s = &speaker{}
	if s.keys, err = newKeys(keys); err != nil {
		return nil, err
	}
	if s.host, err = libp2p.New(libp2p.Identity(s.keys[0]), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.DisableMetrics()); err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	table, err := peers.OpenTable(ctx, dssync.MutexWrap(datastore.NewMapDatastore()), peers.TableOptions{
		Membership: members.Everybody{}, RefusedFor: time.Minute, Now: time.Now, Logger: log})
	if err != nil {
		return nil, err
	}
	greeter := peers.NewGreeter(ctx, table, streams{s.host}, peers.GreeterOptions{
		Self: func() peers.Hello {
			return peers.Hello{Version: announce.Version, Mesh: meshName, Role: "trainer", Agent: "attack"}
		}, Met: func(peer.ID, peers.Hello) {}, Wait: time.Minute, Logger: log})
	s.host.SetStreamHandler(peers.HelloProtocol, greeter.Answer)
	s.host.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		go greeter.Greet(ctx, c.RemotePeer())
	}})
	s.bus, err = gossip.Open(s.host, gossip.Options{Mesh: meshName, Validate: s.hear})
	if err != nil {
		return nil, errors.Join(err, s.host.Close())
	}
	return s, s.bus.Join(task)
}

// mostHeard bounds what a speaker keeps to say again.
const mostHeard = 1 << 12

func (s *speaker) hear(_ context.Context, _ cid.Cid, _ peer.ID, data []byte) announce.Verdict {
	if r, err := announce.Open(data); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.heard) < mostHeard {
			s.heard = append(s.heard, r)
		}
	}
	return announce.Accept
}

// records are what was heard of a subject.
func (s *speaker) records(subject announce.Subject) (out []announce.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.heard {
		if r.Subject == subject {
			out = append(out, r)
		}
	}
	return out
}

// connect dials an address.
func (s *speaker) connect(ctx context.Context, addr string) error {
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	return s.host.Connect(ctx, *info)
}

// say signs a draft by the next key and gossips it.
func (s *speaker) say(ctx context.Context, a announce.Announcement) error {
	s.seq++
	a.Version, a.Issued, a.Seq = announce.Version, time.Now().UTC().Truncate(time.Second), s.seq
	a.Expires = a.Issued.Add(24 * time.Hour)
	r, err := announce.Seal(a, s.keys[s.seq%uint64(len(s.keys))])
	if err != nil {
		return err
	}
	return s.bus.Publish(ctx, r.Topic(), r.Envelope)
}

func (s *speaker) close() error { return errors.Join(s.bus.Close(), s.host.Close()) }

// noContent is the address of content that does not exist.
func noContent() cid.Cid {
	some := make([]byte, 32)
	rand.Read(some) // cannot fail
	hash, err := multihash.Sum(some, multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // a hash that is always there
	}
	return cid.NewCidV1(cid.DagProtobuf, hash)
}
