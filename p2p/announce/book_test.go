package announce

import (
	"errors"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/peer"
)

// testBook is a book with a clock that the test moves.
type testBook struct {
	*Book
	ds  datastore.Batching
	now time.Time
	opt Options
}

func newTestBook(t *testing.T, change func(*Options)) *testBook {
	t.Helper()
	d := &testBook{ds: dssync.MutexWrap(datastore.NewMapDatastore()), now: epoch, opt: DefaultOptions()}
	d.opt.Now = func() time.Time { return d.now }
	if change != nil {
		change(&d.opt)
	}
	d.reopen(t)
	return d
}

// reopen closes the book by forgetting it, as a crash would.
func (d *testBook) reopen(t *testing.T) {
	t.Helper()
	var err error
	if d.Book, err = OpenBook(d.ds, d.opt); err != nil {
		t.Fatal(err)
	}
}

// without is a membership of all but one peer.
type without peer.ID

func (w without) Admits(p peer.ID) error {
	if p == peer.ID(w) {
		return errors.New("not invited")
	}
	return nil
}

func TestPutJudgesWhatDependsOnTimeAndState(t *testing.T) {
	held := offer(5)
	other := func(change func(*Announcement)) Announcement {
		a := offer(6)
		change(&a)
		return a
	}
	outsider, err := peer.IDFromPrivateKey(keyOf(9))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		put     Announcement
		by      byte
		verdict Verdict
		reason  error
	}{
		{"the same envelope again", held, 1, Ignore, ErrHeld},
		{"a newer one of the same", offer(6), 1, Accept, nil},
		{"an older one of the same", offer(4), 1, Ignore, ErrStale},
		{"the same number with other content", other(func(a *Announcement) { a.Seq = 5; a.Bytes = 1 }), 1, Ignore, ErrStale},
		{"the same from another signer", offer(1), 2, Accept, nil},
		{"another root with a low number", other(func(a *Announcement) { a.Root = cidOf("b"); a.Seq = 1 }), 1, Accept, nil},
		{"one that has just expired", other(func(a *Announcement) { a.Issued = epoch.Add(-time.Hour); a.Expires = epoch }),
			1, Ignore, ErrExpired},
		{"one from a clock a little ahead", other(func(a *Announcement) { a.Issued = epoch.Add(15 * time.Minute) }), 1,
			Accept, nil},
		{"one from a clock far ahead", other(func(a *Announcement) { a.Issued = epoch.Add(15*time.Minute + time.Second) }),
			1, Ignore, ErrFromFuture},
		{"one by a signer not admitted", offer(1), 9, Ignore, ErrUnknownSigner},
		{"a withdrawal", other(func(a *Announcement) { a.Kind = Withdraw }), 1, Accept, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newTestBook(t, func(o *Options) { o.Membership = without(outsider) })
			if v, err := d.Put(t.Context(), seal(t, held, keyOf(1)), Source{}); v != Accept {
				t.Fatalf("first put: %v, %v", v, err)
			}
			before := d.Live(Query{})
			v, err := d.Put(t.Context(), seal(t, tt.put, keyOf(tt.by)), Source{})
			if v != tt.verdict || !errors.Is(err, tt.reason) {
				t.Errorf("%v, %v; want %v, %v", v, err, tt.verdict, tt.reason)
			}
			if v != Accept && (len(d.Live(Query{})) != len(before) || d.Live(Query{})[0].Seq != 5) {
				t.Error("a refused announcement left a trace")
			}
		})
	}
}

func TestReceiveRejectsWhatAnyForwarderMustCatch(t *testing.T) {
	a := offer(1)
	envelope := seal(t, a, keyOf(1)).Envelope
	forged := append([]byte{}, envelope...)
	forged[len(forged)-1] ^= 1
	for name, tt := range map[string]struct {
		envelope []byte
		topic    cid.Cid
		want     error
	}{
		"forged":              {forged, a.Task, ErrSignature},
		"oversized":           {make([]byte, MaxEnvelopeBytes+1), a.Task, ErrTooLarge},
		"another task":        {envelope, cidOf("other"), ErrWrongTopic},
		"a set, mesh's topic": {envelope, cid.Undef, ErrWrongTopic},
	} {
		d := newTestBook(t, nil)
		if _, v, err := d.Receive(t.Context(), tt.envelope, Source{}, tt.topic); v != Reject || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v; want reject, %v", name, v, err, tt.want)
		}
		if n := len(d.Live(Query{})); n != 0 {
			t.Errorf("%s: %d records stored", name, n)
		}
	}
}

func TestAWithdrawalOutlivesWhatItTakesBack(t *testing.T) {
	writer, reader := newTestBook(t, nil), newTestBook(t, nil)
	draft := offer(0)
	draft.Expires = epoch.Add(6 * time.Hour)
	given, err := writer.Issue(t.Context(), keyOf(1), draft)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := writer.Issue(t.Context(), keyOf(1),
		Announcement{Task: draft.Task, Kind: Withdraw, Subject: SubjectSet, Root: draft.Root})
	if err != nil {
		t.Fatal(err)
	}
	if !taken.Expires.Equal(given.Expires) || taken.Seq != 2 {
		t.Errorf("withdrawal number %d expires %v, want 2 and %v", taken.Seq, taken.Expires, given.Expires)
	}
	if v, err := reader.Put(t.Context(), taken, Source{}); v != Accept {
		t.Fatalf("withdrawal before its offer: %v, %v", v, err)
	}
	for _, at := range []time.Duration{0, 5 * time.Hour, 6 * time.Hour} {
		reader.now = epoch.Add(at)
		reader.Sweep()
		reader.reopen(t)
		if v, _ := reader.Put(t.Context(), given, Source{}); v != Ignore || len(reader.Live(Query{})) != 0 {
			t.Errorf("after %v a replay of the offer: %v, %d live", at, v, len(reader.Live(Query{})))
		}
	}
	if n := len(reader.Held(draft.Task)); n != 0 {
		t.Errorf("%d records held after everything expired", n)
	}
}

func TestSequenceNumbersRiseAcrossRestarts(t *testing.T) {
	d := newTestBook(t, nil)
	for want := uint64(1); want <= 4; want++ {
		r, err := d.Issue(t.Context(), keyOf(1), offer(0))
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != want {
			t.Errorf("number %d, want %d", r.Seq, want)
		}
		d.reopen(t)
	}
	// Everything lost but the key: the mesh still knows the last number.
	last := d.Live(Query{})[0]
	fresh := newTestBook(t, nil)
	if v, err := fresh.Put(t.Context(), last, Source{}); v != Accept {
		t.Fatal(v, err)
	}
	if r, err := fresh.Issue(t.Context(), keyOf(1), offer(0)); err != nil || r.Seq != 5 {
		t.Errorf("after losing the counters: number %d, %v; want 5", r.Seq, err)
	}
}

func TestOwnRecordsSurviveALongRest(t *testing.T) {
	d := newTestBook(t, nil)
	if _, err := d.Issue(t.Context(), keyOf(1), offer(0)); err != nil {
		t.Fatal(err)
	}
	foreign := offer(1)
	foreign.Root = cidOf("foreign")
	if v, err := d.Put(t.Context(), seal(t, foreign, keyOf(2)), Source{}); v != Accept {
		t.Fatal(v, err)
	}
	d.now = epoch.Add(30 * 24 * time.Hour)
	d.reopen(t)
	me, _ := peer.IDFromPrivateKey(keyOf(1))
	if own := d.Own(me); len(own) != 1 || len(d.Live(Query{})) != 0 || len(d.records) != 1 {
		t.Errorf("%d own, %d live, %d held; want 1, 0, 1", len(own), len(d.Live(Query{})), len(d.records))
	}
}

func TestWatchersHearAcceptedAndIssuedRecordsUntilCanceled(t *testing.T) {
	d := newTestBook(t, nil)
	var heard []uint64
	cancel := d.Watch(func(r Record) { heard = append(heard, r.Seq) })
	_, _ = d.Put(t.Context(), seal(t, offer(1), keyOf(2)), Source{})
	_, _ = d.Put(t.Context(), seal(t, offer(1), keyOf(2)), Source{})
	_, _ = d.Issue(t.Context(), keyOf(1), offer(0))
	cancel()
	_, _ = d.Put(t.Context(), seal(t, offer(2), keyOf(2)), Source{})
	if len(heard) != 2 {
		t.Errorf("heard %v, want two records", heard)
	}
}

// A later version may have other subjects: their records are well formed, so nobody who
// forwards them is penalized, but they are not kept, and this version signs none.
func TestARecordOfAnUnknownSubjectIsIgnored(t *testing.T) {
	d := newTestBook(t, nil)
	a := offer(1)
	a.Subject = "dataset"
	if _, err := Seal(a, keyOf(1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("seal: %v", err)
	}
	a.Version = Version
	raw, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	_, verdict, err := d.Receive(t.Context(), sealRaw{Domain, payloadType, raw}.envelope(t), Source{}, a.Task)
	if verdict != Ignore || !errors.Is(err, ErrNewSubject) || len(d.Live(Query{})) != 0 {
		t.Errorf("%v, %v, %d held", verdict, err, len(d.Live(Query{})))
	}
}
