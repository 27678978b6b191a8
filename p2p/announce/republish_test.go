package announce

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	ma "github.com/multiformats/go-multiaddr"
)

// fakeTopics is gossip without a network.
type fakeTopics struct {
	joined []cid.Cid
	peers  map[cid.Cid]int // subscribers by topic
	fail   error           // of Publish
	sent   []Record
}

func (a *fakeTopics) Join(topic cid.Cid) error {
	if !slices.ContainsFunc(a.joined, topic.Equals) {
		a.joined = append(a.joined, topic)
	}
	return nil
}

func (a *fakeTopics) Peers(topic cid.Cid) int { return a.peers[topic] }

func (a *fakeTopics) Publish(_ context.Context, topic cid.Cid, data []byte) error {
	if a.fail != nil {
		return a.fail
	}
	r, err := Open(data)
	if err == nil && r.Topic().Equals(topic) {
		a.sent = append(a.sent, r)
	}
	return err
}

// fixture is a republisher with a fake clock and a fake network.
type fixture struct {
	*Republisher
	*fakeTopics
	book *testBook
}

var taskTopic = cidOf("task")

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := &fixture{fakeTopics: &fakeTopics{peers: map[cid.Cid]int{taskTopic: 1}}, book: newTestBook(t, nil)}
	s.restart(t)
	return s
}

// restart makes a new republisher on the same book, as a new run of the node does.
func (s *fixture) restart(t *testing.T) {
	t.Helper()
	var err error
	s.Republisher, err = NewRepublisher(s.book.Book, s.fakeTopics, RepublisherOptions{
		Key: keyOf(1), Min: 10 * time.Minute, Max: 30 * time.Minute, Now: s.book.opt.Now,
		Addrs:  func() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.9/tcp/9")} },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// draft is what a node asks to announce: the rest is filled in.
func draft(root string) Announcement {
	return Announcement{Task: taskTopic, Kind: Offer, Subject: SubjectSet, Root: cidOf(root), Bytes: 1, Blocks: 1}
}

func (s *fixture) issued(t *testing.T, d Announcement) Record {
	t.Helper()
	r, err := s.Issue(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnIssuedRecordIsCompletedAndSentAtOnce(t *testing.T) {
	s := newFixture(t)
	r := s.issued(t, draft("set"))
	if len(s.sent) != 1 || s.sent[0].Seq != 1 || !slices.ContainsFunc(s.joined, taskTopic.Equals) {
		t.Fatalf("sent %d records, joined %v", len(s.sent), s.joined)
	}
	if len(r.Addrs) != 1 || r.Addrs[0].String() != "/ip4/192.0.2.9/tcp/9" {
		t.Errorf("addresses %v, want the node's own", r.Addrs)
	}
	if got := r.Expires.Sub(epoch); got != 2*time.Hour {
		t.Errorf("it lives %v, want four of the longest intervals", got)
	}
}

func TestARecordIsRenewedBetweenTheShortestAndTheLongestInterval(t *testing.T) {
	s := newFixture(t)
	s.issued(t, draft("set"))
	intervals := map[time.Duration]bool{}
	for range 20 {
		before := len(s.sent)
		wait := s.round(t.Context())
		if len(s.sent) != before {
			t.Fatal("renewed before it was due")
		}
		if wait < 10*time.Minute || wait > 30*time.Minute {
			t.Fatalf("next round after %v, want 10 to 30 minutes", wait)
		}
		intervals[wait] = true
		s.book.now = s.book.now.Add(wait)
		s.round(t.Context())
		if len(s.sent) != before+1 || s.sent[before].Seq != s.sent[before-1].Seq+1 {
			t.Fatalf("%d records after %v, want one more, with the next number", len(s.sent), wait)
		}
	}
	if len(intervals) < 10 {
		t.Errorf("%d different intervals out of 20: nodes would announce in step", len(intervals))
	}
}

func TestIntervalsGrowWithTheCatalogue(t *testing.T) {
	s := newFixture(t)
	for i := range recordsPerInterval {
		a := offer(1)
		a.Root = cidOf(string(rune('a' + i)))
		a.Addrs, a.Body = nil, nil
		if v, err := s.book.Put(t.Context(), seal(t, a, keyOf(2)), Source{}); v != Accept {
			t.Fatal(v, err)
		}
	}
	if got := s.longest(); got != time.Hour {
		t.Errorf("the longest interval is %v with %d records, want twice 30 minutes", got, recordsPerInterval)
	}
	if got := s.interval(); got < 20*time.Minute || got > time.Hour {
		t.Errorf("an interval of %v, want 20 to 60 minutes", got)
	}
}

func TestARecordPublishedWithoutSubscribersIsSentWhenAPeerJoins(t *testing.T) {
	s := newFixture(t)
	s.peers[taskTopic] = 0
	s.issued(t, draft("set"))
	s.PeerJoined(cidOf("another task"), "p")
	s.peers[taskTopic] = 1
	s.round(t.Context())
	if len(s.sent) != 0 {
		t.Fatal("sent although nobody joined its topic")
	}
	s.PeerJoined(taskTopic, "p")
	s.round(t.Context())
	if len(s.sent) != 1 {
		t.Fatalf("%d records sent when a peer joined, want 1", len(s.sent))
	}
	s.PeerJoined(taskTopic, "q")
	s.round(t.Context())
	if len(s.sent) != 1 {
		t.Error("sent again for every peer, though it was published with a subscriber")
	}
}

func TestARecordThatCouldNotBeSentIsPending(t *testing.T) {
	s := newFixture(t)
	s.fail = errors.New("no network")
	s.issued(t, draft("set"))
	s.fail = nil
	s.PeerJoined(taskTopic, "p")
	s.round(t.Context())
	if len(s.sent) != 1 {
		t.Errorf("%d records sent, want the one that failed before", len(s.sent))
	}
}

func TestAWithdrawalIsAnnouncedUntilWhatItWithdrewHasExpired(t *testing.T) {
	s := newFixture(t)
	given := s.issued(t, draft("set"))
	s.issued(t, Announcement{Task: given.Task, Kind: Withdraw, Subject: given.Subject, Root: given.Root})
	for s.book.now.Before(given.Expires) {
		s.book.now = s.book.now.Add(max(s.round(t.Context()), time.Minute))
	}
	withdrawals := len(s.sent) - 1
	if withdrawals < 4 {
		t.Errorf("the withdrawal was announced %d times in two hours", withdrawals)
	}
	for _, r := range s.sent[1:] {
		if r.Kind != Withdraw || !r.Expires.Equal(given.Expires) {
			t.Errorf("announced %s until %v, want withdrawals until %v", r.Kind, r.Expires, given.Expires)
		}
	}
	s.book.now = s.book.now.Add(24 * time.Hour)
	s.round(t.Context())
	if len(s.entries) != 0 || len(s.sent) != withdrawals+1 {
		t.Errorf("%d entries stay, %d records sent afterwards", len(s.entries), len(s.sent)-withdrawals-1)
	}
}

func TestTheNextRunContinuesWithWhatWasAnnounced(t *testing.T) {
	for _, tt := range []struct {
		name    string
		off     time.Duration
		wantSeq uint64 // of the record held after the restart
	}{
		{"after a short time off the record is still valid", time.Minute, 1},
		{"after a long time off it is signed anew", 30 * 24 * time.Hour, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued(t, draft("set"))
			s.book.now = s.book.now.Add(tt.off)
			s.joined, s.sent = nil, nil
			s.restart(t)
			live := s.book.Live(Query{})
			if len(live) != 1 || live[0].Seq != tt.wantSeq {
				t.Fatalf("after the restart %d records are live: %+v", len(live), live)
			}
			if !slices.ContainsFunc(s.joined, taskTopic.Equals) {
				t.Error("the topic of its record was not joined")
			}
			s.PeerJoined(taskTopic, "p")
			s.round(t.Context())
			if len(s.sent) != 1 || s.sent[0].Seq != tt.wantSeq+1 {
				t.Errorf("sent %d records when a peer joined, want one", len(s.sent))
			}
		})
	}
}

func TestRunSleepsUntilARecordIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t)
		start := time.Now()
		s.Republisher.opt.Now = func() time.Time { return epoch.Add(time.Since(start)) }
		s.book.Book.opt.Now = s.Republisher.opt.Now
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		s.issued(t, draft("set"))
		time.Sleep(3 * time.Hour) // of the bubble's clock
		cancel()
		<-done
		if n := len(s.sent); n < 6 || n > 19 {
			t.Errorf("%d records in three hours at intervals of 10 to 30 minutes", n)
		}
	})
}
