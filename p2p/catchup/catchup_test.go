package catchup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"
	mh "github.com/multiformats/go-multihash"
	"go.uber.org/goleak"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cidOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

var task, otherTask = cidOf("task"), cidOf("other task")

// node is a book with catch-up, connected to one other node in memory.
type node struct {
	*Catchup
	t      *testing.T
	id     peer.ID
	key    crypto.PrivKey
	book   *announce.Book
	now    time.Time
	other  func(network.Stream) // answers this node's streams
	refuse error                // for every peer that asks this node
	judged []error              // by the book
}

func newNode(t *testing.T, seed byte) *node {
	t.Helper()
	n := &node{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var err error
	if n.key, _, err = crypto.GenerateEd25519Key(bytes.NewReader(bytes.Repeat([]byte{seed}, 64))); err != nil {
		t.Fatal(err)
	}
	if n.id, err = peer.IDFromPrivateKey(n.key); err != nil {
		t.Fatal(err)
	}
	opt := announce.DefaultOptions()
	opt.Now = func() time.Time { return n.now }
	if n.book, err = announce.OpenBook(dssync.MutexWrap(datastore.NewMapDatastore()), opt); err != nil {
		t.Fatal(err)
	}
	n.Catchup = New(n.book, n, Options{
		Admits: func(peer.ID) error { return n.refuse },
		Source: func(p peer.ID) announce.Source { return announce.Source{Peer: p} },
		Judged: func(_ peer.ID, _ announce.Record, err error) { n.judged = append(n.judged, err) },
		Now:    opt.Now, Logger: slog.New(slog.DiscardHandler),
	})
	return n
}

// NewStream implements Streams.
func (n *node) NewStream(_ context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	if n.other == nil {
		return nil, errors.New("not connected")
	}
	ours, theirs := streamtest.Pipe(n.id, p)
	go n.other(theirs)
	return ours, nil
}

// issue signs count offers of a task.
func (n *node) issue(of cid.Cid, name string, count int) (out []announce.Record) {
	n.t.Helper()
	for i := range count {
		r, err := n.book.Issue(n.t.Context(), n.key, announce.Announcement{
			Task: of, Kind: announce.Offer, Subject: announce.SubjectSet, Root: cidOf(fmt.Sprint(name, i)), Bytes: 1, Blocks: 1,
		})
		if err != nil {
			n.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// put makes a node hold records.
func (n *node) put(records ...announce.Record) {
	n.t.Helper()
	for _, r := range records {
		if v, err := n.book.Put(n.t.Context(), r, announce.Source{}); v != announce.Accept {
			n.t.Fatal(v, err)
		}
	}
}

func TestTheAskerGetsWhatItLacksOfTheTopicsItAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		count  int // records that the other node has of the task
		held   int // of these, held by the asker already
		topics []cid.Cid
		want   int
	}{
		{"nothing to learn", 0, 0, []cid.Cid{task}, 0},
		{"everything", 5, 0, []cid.Cid{task}, 5},
		{"what it does not hold yet", 5, 3, []cid.Cid{task}, 2},
		{"nothing, since it holds all", 5, 5, []cid.Cid{task}, 0},
		{"exactly one page", pageEnvelopes, 0, []cid.Cid{task}, pageEnvelopes},
		{"several pages", 2*pageEnvelopes + 7, 1, []cid.Cid{cid.Undef, task}, 2*pageEnvelopes + 6},
		{"nothing of topics that it did not ask for", 5, 0, []cid.Cid{cid.Undef}, 0},
		{"nothing when it asks for nothing", 5, 0, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asker, other := newNode(t, 1), newNode(t, 2)
			asker.other = func(s network.Stream) { other.Answer(s) }
			records := other.issue(task, "set", tt.count)
			other.issue(otherTask, "other", 2)
			asker.put(records[:tt.held]...)
			n, err := asker.Ask(t.Context(), other.id, tt.topics)
			if err != nil || n != tt.want {
				t.Fatalf("learned %d, %v; want %d", n, err, tt.want)
			}
			if got := len(asker.book.Live(announce.Query{})); got != tt.held+tt.want {
				t.Errorf("the asker holds %d records, want %d", got, tt.held+tt.want)
			}
			if len(asker.judged) != tt.want {
				t.Errorf("%d records were sent, want %d", len(asker.judged), tt.want)
			}
		})
	}
}

func TestWithdrawalsAreHandedOver(t *testing.T) {
	asker, other := newNode(t, 1), newNode(t, 2)
	asker.other = func(s network.Stream) { other.Answer(s) }
	offer := other.issue(task, "set", 1)[0]
	asker.put(offer)
	if _, err := other.book.Issue(t.Context(), other.key, announce.Announcement{
		Task: task, Kind: announce.Withdraw, Subject: offer.Subject, Root: offer.Root,
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := asker.Ask(t.Context(), other.id, []cid.Cid{task}); n != 1 || err != nil {
		t.Errorf("learned %d, %v", n, err)
	}
	if live := asker.book.Live(announce.Query{}); len(live) != 0 {
		t.Errorf("still live: %v", live)
	}
}

// answerWith is a peer that answers any request with the given messages.
func answerWith(messages ...[]byte) func(network.Stream) {
	return func(s network.Stream) {
		defer s.Close()
		_, _ = msgio.NewVarintReaderSize(s, maxQuery).ReadMsg()
		for _, m := range messages {
			if msgio.NewVarintWriter(s).WriteMsg(m) != nil {
				return
			}
		}
	}
}

func encoded(t *testing.T, p page) []byte {
	t.Helper()
	data, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAHostileAnswerEndsTheCatchUp(t *testing.T) {
	signer := newNode(t, 9)
	good := signer.issue(task, "set", 1)[0].Envelope
	elsewhere := signer.issue(otherTask, "set", 1)[0].Envelope
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	endless := make([][]byte, 0, maxEnvelopes/pageEnvelopes+2)
	for range cap(endless) {
		endless = append(endless, encoded(t, page{envelopes: slices.Repeat([][]byte{good}, pageEnvelopes)}))
	}
	for _, tt := range []struct {
		name    string
		answer  func(network.Stream)
		learned int
	}{
		{"a forgery, then a valid record", answerWith(encoded(t, page{envelopes: [][]byte{forged, good}, last: true})), 0},
		{"a valid record, then a forgery", answerWith(encoded(t, page{envelopes: [][]byte{good, forged}, last: true})), 1},
		{"a record of a topic nobody asked for", answerWith(encoded(t, page{envelopes: [][]byte{elsewhere}, last: true})), 0},
		{"nonsense", answerWith([]byte("nonsense")), 0},
		{"an empty page that is not the last", answerWith(encoded(t, page{})), 0},
		{"an end before the last page", answerWith(encoded(t, page{envelopes: [][]byte{good}})), 1},
		{"pages without end", answerWith(endless...), 1},
		{"a page above the limit", answerWith(make([]byte, maxPage+1)), 0},
		{"no answer", func(s network.Stream) { _ = s.Close() }, 0},
		{"silence", func(s network.Stream) {
			_, _ = io.Copy(io.Discard, s)
			_ = s.Close()
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asker := newNode(t, 1)
				asker.other = tt.answer
				start := time.Now()
				n, err := asker.Ask(t.Context(), signer.id, []cid.Cid{task})
				if err == nil || n != tt.learned || time.Since(start) > 2*stallTimeout {
					t.Errorf("learned %d, %v after %v; want %d and an error", n, err, time.Since(start), tt.learned)
				}
				if got := len(asker.book.Live(announce.Query{})); got != tt.learned {
					t.Errorf("%d records are held, want %d", got, tt.learned)
				}
			})
		})
	}
}

// Each page comes just in time, with nothing new in it.
func TestAPeerThatIsNotConnectedTeachesNothing(t *testing.T) {
	if n, err := newNode(t, 1).Ask(t.Context(), "p", []cid.Cid{task}); n != 0 || err == nil {
		t.Errorf("learned %d, %v", n, err)
	}
}

func TestRequestsOfOnePeerAreLimited(t *testing.T) {
	n := newNode(t, 1)
	answered := func(p peer.ID) bool {
		done, ok := n.begin(p)
		if ok {
			done()
		}
		return ok
	}
	count := func(p peer.ID, requests int) (out int) {
		for range requests {
			if answered(p) {
				out++
			}
		}
		return out
	}
	if got := count("p", 2*requestBurst); got != requestBurst {
		t.Errorf("%d requests in a row were answered, want the burst of %d", got, requestBurst)
	}
	if got := count("q", 1); got != 1 {
		t.Error("one peer's requests count for another")
	}
	n.now = n.now.Add(3 * time.Second)
	if got := count("p", 10); got != 3 {
		t.Errorf("%d requests were answered three seconds later, want 3", got)
	}
	done, ok := n.begin("r")
	if !ok || answered("r") {
		t.Error("a second request of a peer is answered while the first is")
	}
	done()
	if !answered("r") {
		t.Error("no request is answered after the first one ended")
	}
	n.Forget("p")
	if !answered("p") {
		t.Error("a peer that connects again starts with a full burst")
	}
	n.refuse = errors.New("no member")
	if answered("s") {
		t.Error("a peer that is not admitted is answered")
	}
}

func TestAPeerThatIsNotAdmittedGetsNoAnswer(t *testing.T) {
	asker, other := newNode(t, 1), newNode(t, 2)
	other.issue(task, "set", 1)
	other.refuse = errors.New("no member")
	asker.other = func(s network.Stream) { other.Answer(s) }
	if n, err := asker.Ask(t.Context(), other.id, []cid.Cid{task}); n != 0 || err == nil {
		t.Errorf("learned %d, %v", n, err)
	}
}

func TestALearnedEnvelopeIsTakenOnce(t *testing.T) {
	asker, other := newNode(t, 1), newNode(t, 2)
	asker.other = func(s network.Stream) { other.Answer(s) }
	r := other.issue(task, "set", 1)[0]
	if asker.TakeLearned(r.Envelope) {
		t.Error("taken before it was learned")
	}
	if _, err := asker.Ask(t.Context(), other.id, []cid.Cid{task}); err != nil {
		t.Fatal(err)
	}
	if !asker.TakeLearned(r.Envelope) || asker.TakeLearned(r.Envelope) {
		t.Error("the first copy that gossip brings is new, the second is a replay")
	}
	for i := range maxLearned + 1 {
		asker.learn([]byte(fmt.Sprint(i)))
	}
	if len(asker.learned) > maxLearned {
		t.Errorf("%d digests are kept, at most %d", len(asker.learned), maxLearned)
	}
}

// One signer has filled the answerer's book and has nearly filled the asker's quota for
// it. The honest record comes all the same, and the asker does not go on to the end.
func TestAPageOfOneSignerNeitherHidesTheOthersNorIsReadForEver(t *testing.T) {
	asker, answerer := newNode(t, 1), newNode(t, 2)
	opt := announce.DefaultOptions()
	opt.Now = func() time.Time { return asker.now }
	opt.MaxRecords, opt.MaxPerSigner = 64, 16
	var err error
	if asker.book, err = announce.OpenBook(dssync.MutexWrap(datastore.NewMapDatastore()), opt); err != nil {
		t.Fatal(err)
	}
	asker.book.Reserve(task)
	asker.Catchup.book = asker.book
	answerer.issue(task, "fake ", 3*maxRefused)
	honest := newNode(t, 3).issue(task, "honest ", 1)[0]
	answerer.put(honest)
	asker.other = answerer.Answer
	learned, err := asker.Ask(t.Context(), answerer.id, []cid.Cid{task})
	if err == nil || learned != 17 || len(asker.judged) > 2*maxRefused {
		t.Errorf("learned %d of %d, %v; want 17 of about %d", learned, len(asker.judged), err, maxRefused)
	}
	if len(asker.book.Live(announce.Query{Root: honest.Root})) != 1 {
		t.Error("the honest record is missing")
	}
}
