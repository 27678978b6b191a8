package blocks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/streamtest"
)

// reader reads messages through an intake as the library does.
type reader struct {
	*intake
	close   context.CancelFunc
	streams sync.WaitGroup
	hold    chan struct{} // a message is handled once it can be received from; nil for at once

	mu      sync.Mutex
	sizes   map[peer.ID][]int // of the messages read completely
	refused map[peer.ID]int   // streams that ended otherwise
	handled int               // messages that are
	most    int
}

func newReader() *reader {
	ctx, cancel := context.WithCancel(context.Background())
	return &reader{intake: newIntake(ctx), close: cancel, sizes: map[peer.ID][]int{}, refused: map[peer.ID]int{}}
}

// open returns a stream on which a peer writes messages.
func (r *reader) open(from peer.ID) network.Stream {
	theirs, ours := streamtest.Pipe(from, "here")
	r.streams.Go(func() {
		in := &inbound{Stream: ours, in: r.intake}
		defer ours.Close()
		defer in.handled()
		messages := msgio.NewVarintReaderSize(in, network.MessageSizeMax)
		for {
			m, err := messages.ReadMsg()
			if err != nil {
				r.mu.Lock()
				if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					r.refused[from]++
				}
				r.mu.Unlock()
				return
			}
			r.handle(from, len(m))
		}
	})
	return theirs
}

func (r *reader) handle(from peer.ID, size int) {
	r.mu.Lock()
	r.sizes[from] = append(r.sizes[from], size)
	if size > smallMessage {
		r.handled++
		r.most = max(r.most, r.handled)
	}
	r.mu.Unlock()
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if size > smallMessage {
		r.handled--
	}
}

// send writes one message in pieces, with a pause after each.
func (r *reader) send(from peer.ID, size, piece int, pause time.Duration) {
	s := r.open(from)
	r.streams.Go(func() {
		defer s.Close()
		if _, err := s.Write(binary.AppendUvarint(nil, uint64(size))); err != nil {
			return
		}
		for left := size; left > 0; left -= piece {
			if _, err := s.Write(make([]byte, min(piece, left))); err != nil {
				return
			}
			time.Sleep(pause)
		}
	})
}

// read returns the sizes of the messages of a peer that were read, and how many of its streams
// ended otherwise.
func (r *reader) read(from peer.ID) (sizes []int, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sizes[from]), r.refused[from]
}

// from counts the peers whose messages were read, and those of which some were refused.
func (r *reader) from() (read, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sizes), len(r.refused)
}

// withReader runs a test in virtual time.
func withReader(t *testing.T, test func(t *testing.T, r *reader)) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		test(t, r)
		r.close()
		r.streams.Wait()
		if l := r.reading; len(l.reading)+len(l.waiting) != 0 || len(r.handling) != 0 {
			t.Errorf("%d places are taken, %d wait, %d are handled at the end", len(l.reading), len(l.waiting),
				len(r.handling))
		}
	})
}

func TestMessagesOfAllSizesAreReadOneAfterAnother(t *testing.T) {
	withReader(t, func(t *testing.T, r *reader) {
		want := []int{1, 0, smallMessage, smallMessage + 1, 100, pieceBytes, pieceBytes + 1, maxBlockBytes, maxMessage, 5}
		var sent bytes.Buffer
		for _, n := range want {
			sent.Write(binary.AppendUvarint(nil, uint64(n)))
			sent.Write(make([]byte, n))
		}
		s := r.open("peer")
		if _, err := s.Write(sent.Bytes()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		synctest.Wait()
		if got, refused := r.read("peer"); !slices.Equal(got, want) || refused != 0 {
			t.Errorf("read %v, want %v; %d refused", got, want, refused)
		}
		for _, size := range []uint64{maxMessage + 1, 4 << 20, 1 << 62} {
			s := r.open("liar")
			if _, err := s.Write(binary.AppendUvarint(nil, size)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, err := s.Write([]byte{0}); err == nil {
				t.Errorf("the stream of a message of %d bytes goes on", size)
			}
			s.Close()
		}
		if got, refused := r.read("liar"); refused != 3 || len(got) != 0 {
			t.Errorf("refused %d of 3", refused)
		}
	})
}

// Twenty peers and more announce hundreds of large messages, and send nothing, or hardly anything.
func TestWhoAnnouncesLargeMessagesAndSendsThemSlowlyDoesNotKeepOthersFromBeingRead(t *testing.T) {
	for name, slowly := range map[string]struct {
		peers, piece int
		pause        time.Duration
	}{
		"nothing comes": {40, 1, time.Hour},
		// In small pieces: the first comes at once, and would make a rate seem higher for seconds.
		"a little below the least rate": {40, 1500, 100 * time.Millisecond},
		"a little above the least rate": {20, 1700, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			withReader(t, func(t *testing.T, r *reader) {
				for i := range 400 {
					r.send(peer.ID(fmt.Sprint("slow ", i%slowly.peers)), 1<<20, slowly.piece, slowly.pause)
				}
				time.Sleep(500 * time.Millisecond)
				synctest.Wait()
				r.reading.mu.Lock()
				reading := len(r.reading.reading)
				r.reading.mu.Unlock()
				if reading != readAtOnce {
					t.Errorf("%d messages are read at once, want %d", reading, readAtOnce)
				}
				for i := range 10 { // each after the one before
					r.send("honest", 1<<20, 1<<20, 0)
					time.Sleep(3 * placeWait)
					synctest.Wait()
					if got, refused := r.read("honest"); len(got) != i+1 || refused != 0 {
						t.Fatalf("%d messages of the honest peer are read after %d times %v, %d refused",
							len(got), i+1, 3*placeWait, refused)
					}
				}
				r.close()
				time.Sleep(2 * time.Hour) // writers end
			})
		})
	}
}

// Sixty-four honest peers with slow lines, and one with a fast one, send at once: nobody loses
// what it has sent.
func TestHonestPeersWithSlowLinesAreAllRead(t *testing.T) {
	withReader(t, func(t *testing.T, r *reader) {
		for i := range 64 {
			r.send(peer.ID(fmt.Sprint(i)), 1<<20+100, 25<<10, 200*time.Millisecond) // a megabit per second
		}
		time.Sleep(messageTime)
		synctest.Wait()
		if read, refused := r.from(); read != 64 || refused != 0 {
			t.Errorf("%d of 64 are read, %d refused", read, refused)
		}
	})
}

func TestAMessageThatDoesNotEndIsNotReadForEver(t *testing.T) {
	withReader(t, func(t *testing.T, r *reader) {
		r.send("slow", 1<<20, 1, time.Second)
		time.Sleep(messageTime - time.Second)
		synctest.Wait()
		if _, refused := r.read("slow"); refused != 0 {
			t.Error("it was refused though nobody waits")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, refused := r.read("slow"); refused != 1 {
			t.Error("it is still read")
		}
	})
}

func TestOnlyAFewMessagesAreHandledAtOnce(t *testing.T) {
	withReader(t, func(t *testing.T, r *reader) {
		r.hold = make(chan struct{})
		for i := range 40 {
			r.send(peer.ID(fmt.Sprint(i)), 1<<20, 1<<20, 0)
		}
		synctest.Wait()
		if read, _ := r.from(); read != handledAtOnce {
			t.Errorf("%d messages are handled at once, want %d", read, handledAtOnce)
		}
		close(r.hold)
		synctest.Wait()
		if read, refused := r.from(); read != 40 || refused != 0 || r.most != handledAtOnce {
			t.Errorf("%d of 40 are read, %d refused, up to %d at once", read, refused, r.most)
		}
	})
}

// disk is a store of blocks whose large writes wait, and are counted.
type disk struct {
	datastore.Batching
	released chan struct{}
	writing  atomic.Int64
}

// Put implements datastore.Write.
func (d *disk) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if len(value) > smallMessage {
		d.writing.Add(1)
		<-d.released
		d.writing.Add(-1)
	}
	return d.Batching.Put(ctx, key, value)
}

// Many sets are fetched at once, from as many peers, by a node whose disk takes nothing for a
// while: what it has asked for stays with the peers, but for a few blocks.
func TestBlocksOfManyFetchesDoNotWaitInMemoryForTheDisk(t *testing.T) {
	const sets, blocksOfOne = 12, 6
	memory := func() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }
	withNodes(t, sets+1, func(t *testing.T, nodes []*node) {
		idle, servers := nodes[0], nodes[1:]
		if err := idle.Close(); err != nil {
			t.Fatal(err)
		}
		slow := &disk{Batching: memory(), released: make(chan struct{})}
		store, err := New(slow, memory(), 0, DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		to := exchangeOn(t, idle.host, store, false)
		nodes[0] = to
		var fetches sync.WaitGroup
		for i, from := range servers {
			content := fstest.MapFS{}
			for j := range blocksOfOne {
				content[fmt.Sprint(j)] = &fstest.MapFile{Data: bytes.Repeat([]byte{byte(i), byte(j)}, 512<<10)}
			}
			root, stat := add(t, from.Store, content, "set")
			fetches.Go(func() {
				got, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "set", From: []peer.ID{from.host.ID()},
					Pace: Pace{FirstBlock: time.Hour, Stall: time.Hour}})
				if err != nil || got.Stat != stat {
					t.Errorf("fetched %+v of %+v, %v", got.Stat, stat, err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := slow.writing.Load(); n != handledAtOnce {
			t.Errorf("%d blocks are in memory for the disk, want %d", n, handledAtOnce)
		}
		close(slow.released)
		fetches.Wait()
	})
}
