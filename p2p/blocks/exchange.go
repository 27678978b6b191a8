package blocks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/client"
	bsmsg "github.com/ipfs/boxo/bitswap/message"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockservice"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Finder returns peers that may have the content under c, best first, with
// addresses that can be dialed.
type Finder func(ctx context.Context, c cid.Cid) []peer.AddrInfo

// ExchangeOptions of an Exchange.
type ExchangeOptions struct {
	Find  Finder                                 // must be set
	Serve func(peer peer.ID, block cid.Cid) bool // who may fetch what; nil serves all to all
	Small bool                                   // limits for a small device
}

// Exchange fetches blocks from peers and serves the store's to them, over bitswap.
type Exchange struct {
	store   *Store
	find    Finder
	bitswap *bitswap.Bitswap
	service blockservice.BlockService
	cancel  context.CancelFunc
	network network.Network
	watch   network.Notifiee

	mu      sync.Mutex
	fetches map[*fetch]struct{}
}

// OpenExchange starts fetching and serving on h.
func (s *Store) OpenExchange(h host.Host, opt ExchangeOptions) (*Exchange, error) {
	if opt.Find == nil {
		return nil, errors.New("open exchange: Find: must be set")
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &Exchange{store: s, find: opt.Find, cancel: cancel, fetches: map[*fetch]struct{}{}}
	opts := []bitswap.Option{
		// The announcer is known: waiting for answers to a broadcast only costs time.
		bitswap.ProviderSearchDelay(20 * time.Millisecond),
		bitswap.WithClientOption(client.BroadcastControlEnable(true)),
		bitswap.WithTracer((*tracer)(x)),
	}
	if opt.Serve != nil {
		opts = append(opts, bitswap.WithPeerBlockRequestFilter(opt.Serve))
	}
	if opt.Small {
		opts = append(opts, bitswap.MaxOutstandingBytesPerPeer(256<<10), bitswap.MaxQueuedWantlistEntriesPerPeer(256),
			bitswap.EngineBlockstoreWorkerCount(4), bitswap.TaskWorkerCount(2), bitswap.EngineTaskWorkerCount(2))
	}
	x.bitswap = bitswap.New(ctx, bsnet.NewFromIpfsHost(over{h, newIntake(ctx)}), (*discovery)(x), s.blocks, opts...)
	x.service = blockservice.New(s.blocks, x.bitswap)
	x.watch = &network.NotifyBundle{DisconnectedF: x.disconnected}
	x.network = h.Network()
	x.network.Notify(x.watch)
	return x, nil
}

// disconnected has the fetches to which a peer sent blocks ask the others soon.
func (x *Exchange) disconnected(n network.Network, c network.Conn) {
	p := c.RemotePeer()
	if n.Connectedness(p) == network.Connected {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for f := range x.fetches {
		f.lost(p)
	}
}

// Close ends serving. Fetches must have ended.
func (x *Exchange) Close() error {
	x.network.StopNotify(x.watch)
	err := x.bitswap.Close()
	x.cancel()
	if err != nil {
		return fmt.Errorf("close exchange: %w", err)
	}
	return nil
}

// discovery is the exchange as bitswap's provider search. The search for any block of
// a running fetch is answered for the root of the fetch.
type discovery Exchange

// FindProvidersAsync implements routing.ContentDiscovery.
func (d *discovery) FindProvidersAsync(ctx context.Context, c cid.Cid, limit int) <-chan peer.AddrInfo {
	providers := (*Exchange)(d).providersOf(ctx, c)
	if limit > 0 && len(providers) > limit {
		providers = providers[:limit]
	}
	out := make(chan peer.AddrInfo, len(providers))
	for _, p := range providers {
		out <- p
	}
	close(out)
	return out
}

func (x *Exchange) providersOf(ctx context.Context, c cid.Cid) []peer.AddrInfo {
	x.mu.Lock()
	root := c
	var first []peer.AddrInfo
	for f := range x.fetches {
		if f.wants(c) {
			root, first = f.root, f.from
			break
		}
	}
	x.mu.Unlock()
	return append(first[:len(first):len(first)], x.find(ctx, root)...)
}

// tracer is the exchange as bitswap's tracer: it records who sent which block, and
// which blocks arrived again.
type tracer Exchange

// MessageReceived implements the tracer.
func (t *tracer) MessageReceived(from peer.ID, m bsmsg.BitSwapMessage) {
	blks := m.Blocks()
	if len(blks) == 0 {
		return
	}
	for _, b := range blks {
		(*Exchange)(t).arrived(from, b)
	}
}

// arrived counts a block for the fetches that asked for it, and stores a large one before they
// hear of it: what a peer sends stays with the peer until the disk has taken what came before.
func (x *Exchange) arrived(from peer.ID, b blockformat.Block) {
	size := len(b.RawData())
	var first *fetch
	x.mu.Lock()
	for f := range x.fetches {
		if f.received(from, b.Cid(), int64(size)) {
			first = f
		}
	}
	x.mu.Unlock()
	if first != nil && size > smallMessage {
		// An error comes again when the fetch stores it.
		_ = x.store.blocks.Put(first.ctx, b)
	}
}

// MessageSent implements the tracer.
func (t *tracer) MessageSent(peer.ID, bsmsg.BitSwapMessage) {}
