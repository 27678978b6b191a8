package blocks

import (
	"context"
	"slices"
	"time"

	"github.com/ipfs/boxo/blockservice"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Pace is how fast blocks must arrive. A fetch that has b bytes after its first Stall
// ends with ErrStalled b / MinRate seconds later, and whenever no block arrives for
// Stall. So a fetch of n bytes ends within Stall + n / MinRate.
type Pace struct {
	FirstBlock time.Duration // until the first block; default Stall
	Stall      time.Duration // without any block; default 60 s
	MinRate    int64         // bytes per second on the average; default 16 KiB
}

// patience is how long to wait for the next block, when bytes have arrived.
func (f *fetch) patience(bytes int64) time.Duration {
	allowed := f.opt.Stall + time.Duration(float64(bytes)/float64(f.opt.MinRate)*float64(time.Second))
	return min(f.opt.Stall, max(0, allowed-time.Since(f.start)))
}

// inquiry is one bitswap session. A session does not ask a peer twice that lacked a block
// or went away with an answer due, so a fetch that waits begins another one.
type inquiry struct {
	ctx      context.Context
	end      context.CancelFunc
	session  blockservice.BlockGetter
	replaced chan struct{} // closed when another has begun
}

// inquiries is how often providers are asked in the time that a fetch waits for a block.
const inquiries = 3

// betweenInquiries is how long after one session the next begins. The library takes back what a
// session asked for some time after its end, and what another has asked for meanwhile is neither
// taken back nor asked for again.
const betweenInquiries = 50 * time.Millisecond

// inquire ends the session there is, and begins another; blocks still to come are asked for
// again, of every provider.
func (f *fetch) inquire(ctx context.Context, service blockservice.BlockService) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loss = false
	f.again.Reset(f.opt.Stall / inquiries)
	if f.asking.end == nil {
		f.begin(ctx, service)
		return
	}
	f.asking.end()
	time.AfterFunc(betweenInquiries, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if ctx.Err() == nil {
			f.begin(ctx, service)
		}
	})
}

// begin begins a session. Callers lock.
func (f *fetch) begin(ctx context.Context, service blockservice.BlockService) {
	if f.asking.replaced != nil {
		f.asking.end()
		close(f.asking.replaced)
	}
	f.asking.ctx, f.asking.end = context.WithCancel(ctx)
	f.asking.session = blockservice.NewSession(f.asking.ctx, service)
	f.asking.replaced = make(chan struct{})
}

// askAfterLoss is how long after a peer that sent blocks, or was to send them, has left all others are asked.
const askAfterLoss = time.Second

// lost notes that a peer has left.
func (f *fetch) lost(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, sent := f.providers[p]; (sent || slices.Contains(f.opt.From, p)) && f.again != nil {
		f.loss = true
		f.again.Reset(askAfterLoss)
	}
}

// block gets one block, through as many sessions as it takes.
func (f *fetch) block(ctx context.Context, c cid.Cid) (blockformat.Block, error) {
	for {
		f.mu.Lock()
		now := f.asking
		f.mu.Unlock()
		block, err := now.session.GetBlock(now.ctx, c)
		if err == nil || ctx.Err() != nil || now.ctx.Err() == nil {
			return block, err
		}
		select {
		case <-now.replaced:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
