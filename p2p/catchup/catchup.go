// Package catchup transfers announcements that gossip no longer carries: those
// published before a node joined or while it was away. The asker lists topics with a
// short digest of every envelope it holds, and gets pages of the envelopes it lacks.
// Both nodes ask, each on a stream of its own.
package catchup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// Protocol is the stream protocol.
const Protocol protocol.ID = "/distillmesh/catalogue/1"

// stallTimeout ends a catch-up that makes no progress, and totalTimeout one that makes little: what came
// until then is kept.
const (
	stallTimeout = 10 * time.Second
	totalTimeout = 2 * time.Minute
)

// Requests that one peer may make: a burst, for joining many tasks, then one per
// second.
const (
	requestRate  = 1
	requestBurst = 32
)

// maxRefused is how many envelopes beyond those it learned an asker lets a peer send
// for which its book has no room. Each costs the check of a signature.
const maxRefused = 512

// maxLearned bounds the digests of learned envelopes.
const maxLearned = 1 << 13

// Book is what catch-up reads and fills: an announce.Book.
type Book interface {
	Held(topic cid.Cid) []announce.Record
	Receive(ctx context.Context, envelope []byte, from announce.Source, topics ...cid.Cid) (
		announce.Record, announce.Verdict, error)
}

// Streams is what catch-up needs of the network.
type Streams interface {
	NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error)
}

// Options of a Catchup. All fields must be set.
type Options struct {
	Admits func(p peer.ID) error                            // nil for peers that get answers
	Source func(p peer.ID) announce.Source                  // of what p sends
	Judged func(from peer.ID, r announce.Record, err error) // called for each envelope that was received
	Now    func() time.Time                                 // clock of the request limits
	Logger *slog.Logger
}

// Catchup asks peers for announcements and answers them. It is safe for concurrent
// use.
type Catchup struct {
	book    Book
	streams Streams
	opt     Options

	looking sync.Mutex // held while looking for what an asker lacks: requests take one core at most

	mu      sync.Mutex
	askers  map[peer.ID]*asker
	learned map[Digest]struct{} // envelopes that came by catch-up and not yet by gossip
}

// asker is a connected peer that asks.
type asker struct {
	requests  *rate.Limiter
	answering bool
}

// New returns a Catchup on book.
func New(book Book, streams Streams, opt Options) *Catchup {
	return &Catchup{book: book, streams: streams, opt: opt, askers: map[peer.ID]*asker{}, learned: map[Digest]struct{}{}}
}

// Forget drops what is kept of a peer that is no longer connected.
func (c *Catchup) Forget(p peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.askers, p)
}

// TakeLearned reports whether an envelope came by catch-up and not yet by gossip, and
// counts it as come by gossip. Catch-up can overtake the gossip of a new record. If
// the copy that gossip brings were then dropped as already held, it would not reach
// the nodes behind this one. A second copy is a replay.
func (c *Catchup) TakeLearned(envelope []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := DigestOf(envelope)
	_, ok := c.learned[d]
	delete(c.learned, d)
	return ok
}

// learn notes an envelope that came by catch-up. When there are too many, all are
// forgotten: other nodes then wait for the next announcement.
func (c *Catchup) learn(envelope []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.learned) >= maxLearned {
		clear(c.learned)
	}
	c.learned[DigestOf(envelope)] = struct{}{}
}

// Ask gets from p everything about topics that the book lacks, and returns how many
// records were new. Envelopes go through the book's validator, as gossip's do; one
// that no honest node would have kept ends the catch-up, and so does the end of ctx.
func (c *Catchup) Ask(ctx context.Context, p peer.ID, topics []cid.Cid) (learned int, err error) {
	query, err := c.Prepare(topics)
	if err != nil {
		return 0, err
	}
	return c.AskFor(ctx, p, query)
}

// Query asks about topics, naming what the book held of them when it was prepared.
type Query struct {
	topics  []cid.Cid
	message []byte
}

// Prepare makes the query that Ask would send, for several peers: it costs time in proportion to what the
// book holds.
func (c *Catchup) Prepare(topics []cid.Cid) (Query, error) {
	message, err := encodeQuery(c.questions(topics))
	if err != nil {
		return Query{}, fmt.Errorf("prepare catch-up: %w", err)
	}
	return Query{topics, message}, nil
}

// AskFor is Ask with a query that was prepared.
func (c *Catchup) AskFor(ctx context.Context, p peer.ID, query Query) (learned int, err error) {
	fail := func(err error) (int, error) {
		return learned, fmt.Errorf("catch up with %s: %w", p, err)
	}
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	opening, opened := context.WithTimeout(ctx, stallTimeout)
	s, err := c.streams.NewStream(opening, p, Protocol)
	opened()
	if err != nil {
		return fail(err)
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	_ = s.SetDeadline(time.Now().Add(stallTimeout))
	if err = msgio.NewVarintWriter(s).WriteMsg(query.message); err == nil {
		learned, err = c.receive(ctx, p, s, query.topics)
	}
	if err != nil {
		_ = s.Reset()
		return fail(cmp.Or(ctx.Err(), err))
	}
	return learned, nil
}

// questions asks about topics, naming what the book holds of each.
func (c *Catchup) questions(topics []cid.Cid) []question {
	questions := make([]question, len(topics))
	for i, topic := range topics {
		questions[i].topic = topic
		held := c.book.Held(topic)
		for _, r := range held[:min(len(held), maxDigests)] {
			d := DigestOf(r.Envelope)
			questions[i].held = append(questions[i].held, d[:]...)
		}
	}
	return questions
}

// stream is what moves pages.
type stream interface {
	io.ReadWriter
	SetDeadline(time.Time) error
}

func (c *Catchup) receive(ctx context.Context, p peer.ID, s stream, topics []cid.Cid) (learned int, err error) {
	r, refused := msgio.NewVarintReaderSize(s, maxPage), 0
	for total := 0; total <= maxEnvelopes; {
		_ = s.SetDeadline(time.Now().Add(stallTimeout))
		data, err := r.ReadMsg()
		if err != nil {
			return learned, err
		}
		got, err := decodePage(data)
		if err != nil {
			return learned, err
		}
		n, over, err := c.takeIn(ctx, p, got.envelopes, topics)
		learned, refused = learned+n, refused+over
		if err == nil && refused > learned+maxRefused {
			err = fmt.Errorf("no room for %d of %d announcements", refused, total+len(got.envelopes))
		}
		if err != nil || got.last {
			return learned, err
		}
		if len(got.envelopes) == 0 {
			return learned, errors.New("empty page before the last")
		}
		total += len(got.envelopes)
	}
	return learned, fmt.Errorf("more than %d announcements", maxEnvelopes)
}

// takeIn validates a page of envelopes from a peer, and counts those that were new and
// those for which the book has no room.
func (c *Catchup) takeIn(
	ctx context.Context, from peer.ID, envelopes [][]byte, topics []cid.Cid,
) (learned, refused int, err error) {
	source := c.opt.Source(from)
	for _, e := range envelopes {
		r, verdict, err := c.book.Receive(ctx, e, source, topics...)
		c.opt.Judged(from, r, err)
		switch verdict {
		case announce.Reject:
			return learned, refused, err
		case announce.Accept:
			c.learn(e)
			learned++
		}
		if errors.Is(err, announce.ErrOverQuota) {
			refused++
		}
	}
	return learned, refused, nil
}

// Answer is the handler of Protocol. It answers one request of a peer at a time, and
// none of peers that are not admitted or ask too often.
func (c *Catchup) Answer(s network.Stream) {
	defer s.Close()
	p := s.Conn().RemotePeer()
	done, ok := c.begin(p)
	if !ok {
		_ = s.Reset()
		return
	}
	defer done()
	if err := c.answer(s); err != nil {
		_ = s.Reset()
		c.opt.Logger.Debug("catch-up not answered", "peer", p, "err", err)
	}
}

// begin reports whether a request of p may be answered now, and returns what to call
// afterwards.
func (c *Catchup) begin(p peer.ID) (done func(), ok bool) {
	if c.opt.Admits(p) != nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a, known := c.askers[p]
	if !known {
		a = &asker{requests: rate.NewLimiter(requestRate, requestBurst)}
		c.askers[p] = a
	}
	if a.answering || !a.requests.AllowN(c.opt.Now(), 1) {
		return nil, false
	}
	a.answering = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.answering = false
	}, true
}

func (c *Catchup) answer(s stream) error {
	end := time.Now().Add(totalTimeout)
	_ = s.SetDeadline(time.Now().Add(stallTimeout))
	data, err := msgio.NewVarintReaderSize(s, maxQuery).ReadMsg()
	if err != nil {
		return err
	}
	questions, err := decodeQuery(data)
	if err != nil {
		return err
	}
	w := msgio.NewVarintWriter(s)
	for p := range pages(c.missing(questions)) {
		data, err := p.encode()
		if err != nil {
			return err
		}
		deadline := time.Now().Add(stallTimeout)
		if deadline.After(end) {
			deadline = end
		}
		_ = s.SetDeadline(deadline)
		if err := w.WriteMsg(data); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the envelopes that the asker lacks, at most maxEnvelopes.
func (c *Catchup) missing(questions []question) [][]byte {
	c.looking.Lock()
	defer c.looking.Unlock()
	var out [][]byte
	for _, q := range questions {
		has := make(map[Digest]bool, len(q.held)/digestBytes)
		for d := range slices.Chunk(q.held, digestBytes) {
			has[Digest(d)] = true
		}
		for _, r := range inTurns(c.book.Held(q.topic)) {
			if len(out) == maxEnvelopes {
				return out
			}
			if !has[DigestOf(r.Envelope)] {
				out = append(out, r.Envelope)
			}
		}
	}
	return out
}

// inTurns orders records so that every signer has one before any has a second: an asker
// whose book fills up has then learned something of each.
func inTurns(records []announce.Record) []announce.Record {
	turns := map[peer.ID]int{}
	turn := make([]int, len(records))
	order := make([]int, len(records))
	for i, r := range records {
		turn[i], order[i] = turns[r.Signer], i
		turns[r.Signer]++
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(turn[x], turn[y]) })
	out := make([]announce.Record, len(records))
	for i, at := range order {
		out[i] = records[at]
	}
	return out
}

// pages cuts envelopes into pages, at least one.
func pages(envelopes [][]byte) func(func(page) bool) {
	return func(yield func(page) bool) {
		for {
			n := min(len(envelopes), pageEnvelopes)
			p := page{envelopes: envelopes[:n], last: n == len(envelopes)}
			envelopes = envelopes[n:]
			if !yield(p) || p.last {
				return
			}
		}
	}
}
