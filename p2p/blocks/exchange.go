package blocks

import (
	"context"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// FetchOptions bound and steer a fetch. Zero limits mean the defaults.
type FetchOptions struct {
	MaxBytes     int64                    // of the whole DAG; default: what the store has room for
	MaxBlocks    int64                    // default 1 << 20
	MaxDepth     int                      // of the DAG; default 32
	MaxEntries   int                      // links of one node; default 1 << 16
	Size         int64                    // announced size: room is made for it before the first block, and Progress gets it as total; 0 when unknown
	Pin          string                   // name to pin under; empty stores without a pin
	From         []peer.ID                // peers to ask first
	Verify       func(fs.FS) error        // judges the complete directory before it is pinned; nil accepts
	Progress     func(bytes, total int64) // called after each block; must not block
	StallTimeout time.Duration            // without any block arriving; default 60 s
}

// FetchResult says what a fetch took.
type FetchResult struct {
	Stat                 // of the whole DAG
	Fetched    Stat      // the part that came over the network
	Duplicates int64     // blocks that arrived more than once
	Providers  []peer.ID // who sent blocks, in order of ID
}

// Finder returns peers that may have the content under c, best first.
type Finder func(ctx context.Context, c cid.Cid) []peer.AddrInfo
