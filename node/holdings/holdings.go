// Package holdings is the content of a node's home: blocks, pins and their
// purpose, known announcements, and the node's state. Other packages see holdings,
// not pins.
package holdings

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// Holding is a set or a model that is complete in the local store.
type Holding struct {
	Root    cid.Cid
	Task    cid.Cid
	Subject announce.Subject // SubjectSet or SubjectModel
	blocks.Stat
}

// Holdings is safe for concurrent use.
type Holdings struct {
	Blocks *blocks.Store // only this package makes and reads its pins
	Book   *announce.Book
	State  *state.State
	// Damage is what was found damaged when the store was opened.
	Damage blocks.Damage
	// Recovered is how many sets and models were found by their blocks alone.
	Recovered int
}

// Options of what a home holds.
type Options struct {
	QuotaBytes int64         // of all blocks; 0 for no limit
	Lifetime   time.Duration // of announcements at least, so that repeats arrive in time
}

// Open opens the content of a home's folder. Only one process at a time may have it open.
func Open(home string, opt Options) (_ *Holdings, err error) {
	store := blocks.DefaultOptions()
	store.QuotaBytes = opt.QuotaBytes
	book := announce.DefaultOptions()
	book.Lifetime = min(max(book.Lifetime, opt.Lifetime), announce.MaxLifetime)
	h := &Holdings{}
	if h.Blocks, err = blocks.Open(filepath.Join(home, "store"), store); err != nil {
		return nil, err
	}
	if h.Book, err = announce.OpenBook(h.Blocks.Metadata("book"), book); err == nil {
		h.State, err = state.Open(filepath.Join(home, state.FileName))
	}
	if err == nil {
		err = h.mend(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close releases the store.
func (h *Holdings) Close() error { return h.Blocks.Close() }

// List lists the sets or models of a task, of all tasks when it is undefined, by
// task and root.
func (h *Holdings) List(ctx context.Context, subject announce.Subject, task cid.Cid) ([]Holding, error) {
	pins, err := h.Blocks.Pins(ctx)
	if err != nil {
		return nil, err
	}
	var out []Holding
	var read purposes
	for _, p := range pins {
		held, ok := read.holdingOf(p)
		if ok && held.Subject == subject && (!task.Defined() || held.Task.Equals(task)) {
			out = append(out, held)
		}
	}
	return out, nil
}

// Find is the set or model under a root; blocks.ErrNotPinned when it is not here.
func (h *Holdings) Find(ctx context.Context, root cid.Cid) (Holding, error) {
	p, err := h.Blocks.PinOf(ctx, root)
	if err != nil {
		return Holding{}, err
	}
	held, ok := holdingOf(p)
	if !ok {
		return Holding{}, blocks.ErrNotPinned // as a set or a model
	}
	return held, nil
}

// Roots lists every stored root, task documents included.
func (h *Holdings) Roots(ctx context.Context) ([]cid.Cid, error) {
	pins, err := h.Blocks.Pins(ctx)
	if err != nil {
		return nil, err
	}
	var out []cid.Cid
	for _, p := range pins {
		out = append(out, p.Root)
	}
	return out, nil
}

// Count counts the local sets and models.
func (h *Holdings) Count(ctx context.Context) (sets, models int, err error) {
	pins, err := h.Blocks.Pins(ctx)
	var read purposes
	for _, p := range pins {
		switch held, _ := read.holdingOf(p); held.Subject {
		case announce.SubjectSet:
			sets++
		case announce.SubjectModel:
			models++
		}
	}
	return sets, models, err
}

// Add stores the files of a set or model of a task. Files are read twice and must
// not change meanwhile. The error is blocks.ErrFull when they do not fit.
func (h *Holdings) Add(ctx context.Context, subject announce.Subject, task cid.Cid, files fs.FS) (Holding, error) {
	root, stat, err := h.Blocks.AddFS(ctx, files, PinName(subject, task))
	return Holding{Root: root, Task: task, Subject: subject, Stat: stat}, err
}

// Files gives the files under a root; blocks.ErrNotFound when a block is missing.
func (h *Holdings) Files(ctx context.Context, root cid.Cid) (fs.FS, error) {
	return h.Blocks.FS(ctx, root)
}

// Discard deletes what is under a root, such as a damaged copy, so that its blocks can
// be fetched again; blocks.ErrNotPinned when it is not here.
func (h *Holdings) Discard(ctx context.Context, root cid.Cid) error {
	return h.Blocks.Discard(ctx, root)
}

// Remove deletes what is under a root and remembers that it was removed here;
// blocks.ErrNotPinned when it is not here. It remembers first, so that a trainer
// running meanwhile does not fetch the set again.
func (h *Holdings) Remove(ctx context.Context, root cid.Cid) error {
	if _, err := h.Blocks.PinOf(ctx, root); err != nil {
		return err
	}
	if err := h.State.Remove(root); err != nil {
		return err
	}
	return h.Discard(ctx, root)
}

// AddTask stores the document of a task and remembers that the node has joined it.
func (h *Holdings) AddTask(ctx context.Context, document []byte) (cid.Cid, error) {
	c, err := h.Blocks.AddRaw(ctx, document, taskPin)
	if err != nil {
		return cid.Undef, err
	}
	return c, h.State.AddTask(c)
}

// RemoveTask forgets that the node has joined a task, and lets the collector take its document.
func (h *Holdings) RemoveTask(ctx context.Context, task cid.Cid) error {
	if err := h.State.RemoveTask(task); err != nil {
		return err
	}
	err := h.Blocks.Unpin(ctx, task)
	if errors.Is(err, blocks.ErrNotPinned) {
		return nil
	}
	return err
}

// Announced lists the distinct announced roots of a subject in a task.
func (h *Holdings) Announced(task cid.Cid, subject announce.Subject) []cid.Cid {
	var out []cid.Cid
	seen := map[cid.Cid]bool{}
	for _, r := range h.Book.Live(announce.Query{Task: task, Subject: subject}) {
		if !seen[r.Root] {
			seen[r.Root] = true
			out = append(out, r.Root)
		}
	}
	return out
}
