// Package blocks keeps content-addressed data: a persistent block store with
// pins, a quota and a collector; directories in and out as UnixFS; and the
// exchange that fetches blocks from peers and serves them.
//
// Directories get the CIDs that `ipfs add --cid-version=1 --raw-leaves
// --chunker=size-1048576 --max-file-links=1024` gives them.
package blocks

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Errors of this package.
var (
	ErrFull        = errors.New("block store is full")
	ErrNotFound    = errors.New("not in the block store")
	ErrLocked      = errors.New("block store is in use by another process")
	ErrNotPinned   = errors.New("not pinned")
	ErrNotAFile    = errors.New("neither a regular file nor a directory")
	ErrNoProviders = errors.New("no peer known to have it")
	ErrStalled     = errors.New("blocks arrive too slowly")
	ErrMissing     = errors.New("a block of it is missing from the store, or damaged")
	ErrDamaged     = errors.New("a file of the block store is damaged")
	ErrDoubt       = errors.New("the records of what is kept are damaged")
	ErrUnreadable  = errors.New("not all that is kept can be read, so nothing is deleted")
	ErrTooLarge    = errors.New("content exceeds a limit of the fetch")
	ErrShape       = errors.New("not a directory of plain files")
	ErrRefused     = errors.New("content failed verification")
)

// FullError says by how much a quota would be exceeded. It is ErrFull.
type FullError struct {
	NeedBytes  int64 // what was to be added
	UsedBytes  int64 // stored now, after collecting
	QuotaBytes int64
}

// Error states need, use and quota in bytes.
func (e *FullError) Error() string {
	return fmt.Sprintf("%v: %d bytes more on top of %d, quota %d", ErrFull, e.NeedBytes, e.UsedBytes, e.QuotaBytes)
}

// Is makes errors.Is(err, ErrFull) true.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// Stat is the size of a DAG: every distinct block counted once.
type Stat struct {
	Bytes  int64
	Blocks int64
}

// Pin is one pinned root.
type Pin struct {
	Root cid.Cid
	Name string // it was pinned under; names may repeat
	Stat
}

// Usage is how much of the quota is used.
type Usage struct {
	Bytes      int64 // of all blocks, pinned or not
	QuotaBytes int64 // 0 means unlimited
}
