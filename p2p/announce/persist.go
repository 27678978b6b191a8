package announce

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Layout of a book in its datastore. A record is the Unix second until which its
// slot is kept (8 bytes), then the envelope; a counter is 8 bytes. Numbers are
// big-endian.
var (
	recordPrefix  = datastore.NewKey("record")
	counterPrefix = datastore.NewKey("counter")
)

func (s slot) key(prefix datastore.Key) datastore.Key {
	root := "none"
	if s.root.Defined() {
		root = s.root.String()
	}
	signerAndTask := prefix.ChildString(s.signer.String()).ChildString(s.task.String())
	return signerAndTask.ChildString(string(s.subject)).ChildString(root)
}

func recordKey(s slot) datastore.Key  { return s.key(recordPrefix) }
func counterKey(s slot) datastore.Key { return s.key(counterPrefix) }

func (h held) marshal() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(h.until.Unix())), h.rec.Envelope...)
}

func unmarshalHeld(b []byte) (held, error) {
	if len(b) < 8 {
		return held{}, errors.New("stored announcement too short")
	}
	r, err := Open(b[8:])
	return held{rec: r, until: time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC()}, err
}

// load fills an empty book from its datastore.
func (b *Book) load(ctx context.Context) error {
	if err := b.read(ctx, counterPrefix, b.loadCounter); err != nil {
		return err
	}
	if err := b.read(ctx, recordPrefix, b.loadRecord); err != nil {
		return err
	}
	b.unsaved = newCommit() // all of it is on disk
	b.sweep(b.opt.Now())
	return b.save(ctx, b.unsaved)
}

func (b *Book) loadCounter(ctx context.Context, key datastore.Key, value []byte) error {
	s, err := parseCounterKey(key)
	if err != nil || len(value) != 8 {
		return fmt.Errorf("sequence counter %s is damaged", key)
	}
	b.counters[s] = binary.BigEndian.Uint64(value)
	b.use(s)
	return nil
}

func (b *Book) loadRecord(ctx context.Context, key datastore.Key, value []byte) error {
	h, err := unmarshalHeld(value)
	if err != nil || !h.rec.Subject.known() {
		return b.ds.Delete(ctx, key) // damaged, or of another version
	}
	h.account, h.since = earlier, b.opt.Now()
	b.place(h.rec.slot(), h)
	return nil
}

func (b *Book) read(ctx context.Context, prefix datastore.Key,
	f func(context.Context, datastore.Key, []byte) error) error {
	results, err := b.ds.Query(ctx, query.Query{Prefix: prefix.String()})
	if err != nil {
		return err
	}
	entries, err := results.Rest()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := f(ctx, datastore.RawKey(e.Key), e.Value); err != nil {
			return err
		}
	}
	return nil
}

func parseCounterKey(key datastore.Key) (s slot, err error) {
	parts := key.List() // counter, signer, task, subject, root
	if len(parts) != 5 {
		return s, errors.New("unexpected key")
	}
	if s.signer, err = peer.Decode(parts[1]); err != nil {
		return s, err
	}
	if s.task, err = cid.Decode(parts[2]); err != nil {
		return s, err
	}
	s.subject = Subject(parts[3])
	if parts[4] != "none" {
		s.root, err = cid.Decode(parts[4])
	}
	return s, err
}

// Sweep drops expired records and returns how many. A withdrawal stays until what
// it withdrew would have expired; this node's own offers stay until withdrawn. What cannot
// be deleted from disk now is deleted with a later change.
func (b *Book) Sweep() int {
	b.mu.Lock()
	dropped := b.sweep(b.opt.Now())
	c := b.unsaved
	b.mu.Unlock()
	_ = b.save(context.Background(), c)
	return dropped
}

// sweep is Sweep. Callers lock, and save.
func (b *Book) sweep(now time.Time) (dropped int) {
	for s, h := range b.records {
		if _, own := b.counters[s]; (!own || h.rec.Kind == Withdraw) && !h.until.After(now) {
			b.forget(s)
			dropped++
		}
	}
	return dropped
}
