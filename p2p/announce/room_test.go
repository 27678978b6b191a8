package announce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// fresh makes the nth of many keys.
func fresh(n int) crypto.PrivKey {
	seed := bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(n)), 8)
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed))
	if err != nil {
		panic(err)
	}
	return key
}

func idOf(key crypto.PrivKey) peer.ID {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return id
}

// taskOffer announces a task.
func taskOffer(name string, issued time.Time) Announcement {
	a := offer(1)
	a.Subject, a.Task, a.Root, a.Issued, a.Expires = SubjectTask, cidOf(name), cidOf(name), issued, issued.Add(2*time.Hour)
	return a
}

// setOffer announces a set of the task of these tests.
func setOffer(name string, issued time.Time) Announcement {
	a := offer(1)
	a.Root, a.Issued, a.Expires = cidOf(name), issued, issued.Add(2*time.Hour)
	return a
}

func (d *testBook) take(t *testing.T, a Announcement, key crypto.PrivKey, from Source) (Verdict, error) {
	t.Helper()
	return d.Put(t.Context(), seal(t, a, key), from)
}

func (d *testBook) accept(t *testing.T, a Announcement, key crypto.PrivKey, from Source) {
	t.Helper()
	if v, err := d.take(t, a, key, from); v != Accept {
		t.Fatalf("%s %s: %v, %v", a.Subject, a.Root, v, err)
	}
}

// direct is the source of what a key sends itself, from an address range of its own.
func direct(key crypto.PrivKey, n byte) Source {
	return Source{Peer: idOf(key), Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{8, 8, n, 0}), 24)}
}

const small = 128 // records in the books of these tests

func smallBook(t *testing.T) *testBook {
	d := newTestBook(t, func(o *Options) { o.MaxRecords, o.MaxPerSigner = small, small/8 })
	d.Reserve(cidOf("task"))
	return d
}

// flood offers n fake records and returns how many were accepted.
func (d *testBook) flood(
	t *testing.T, n, keys int, make func(string, time.Time) Announcement, from Source,
) (accepted int) {
	t.Helper()
	for i := range n {
		if v, _ := d.take(t, make(fmt.Sprint("fake ", n, keys, i), d.now), fresh(1000+i%keys), from); v == Accept {
			accepted++
		}
	}
	return accepted
}

// Nine keys and then a thousand, all behind one neighbor, announce more fake tasks than
// the book has room for. What the node has joined is not touched, an honest task finds
// room at once, and so does an honest set, at any time.
func TestAFloodOfTasksLeavesRoomForWhatIsJoinedAndForHonestTasks(t *testing.T) {
	for _, keys := range []int{9, 20, 1000} {
		t.Run(fmt.Sprintf("%d keys", keys), func(t *testing.T) {
			d := smallBook(t)
			for i := range 20 {
				d.accept(t, setOffer(fmt.Sprint("set ", i), epoch), fresh(i), direct(fresh(i), byte(i)))
			}
			d.accept(t, taskOffer("task", epoch), fresh(1), direct(fresh(1), 1))
			d.flood(t, 4*small, keys, taskOffer, direct(fresh(999), 200))
			if n := d.rooms[tasks].held; n > small/4 {
				t.Errorf("%d tasks held, at most %d have room", n, small/4)
			}
			if n := len(d.Live(Query{Task: cidOf("task")})); n != 21 {
				t.Errorf("%d of 21 records of the joined task are left", n)
			}
			d.accept(t, taskOffer("honest", epoch), fresh(2), direct(fresh(2), 2))
			// By the neighbor that relays the flood, too, a minute after it ended.
			d.now = d.now.Add(time.Minute)
			d.accept(t, taskOffer("relayed", epoch), fresh(3), direct(fresh(999), 200))
			d.accept(t, setOffer("another", epoch), fresh(3), direct(fresh(3), 3))
			for _, name := range []string{"honest", "relayed"} {
				if len(d.Live(Query{Root: cidOf(name)})) != 1 {
					t.Errorf("the task %s is not held", name)
				}
			}
		})
	}
}

// The flood is of sets of a joined task.
func TestAFloodOfSetsOfAJoinedTaskDisplacesItself(t *testing.T) {
	for _, keys := range []int{9, 20, 1000} {
		t.Run(fmt.Sprintf("%d keys", keys), func(t *testing.T) {
			d := smallBook(t)
			for i := range 20 {
				d.accept(t, setOffer(fmt.Sprint("set ", i), epoch), fresh(i), direct(fresh(i), byte(i)))
			}
			if _, err := d.Issue(t.Context(), fresh(500), setOffer("set 3", epoch)); err != nil {
				t.Fatal(err)
			}
			d.flood(t, 4*small, keys, setOffer, direct(fresh(999), 200))
			for i := range 20 { // before, during and after
				d.accept(t, setOffer(fmt.Sprint("later ", i), epoch), fresh(20+i), direct(fresh(20+i), byte(20+i)))
			}
			for i := range 20 {
				if len(d.Live(Query{Root: cidOf(fmt.Sprint("set ", i))})) == 0 ||
					len(d.Live(Query{Root: cidOf(fmt.Sprint("later ", i))})) == 0 {
					t.Errorf("set %d was displaced", i)
				}
			}
			if n := len(d.records); n > small+1 {
				t.Errorf("%d records held, at most %d", n, small+1)
			}
		})
	}
}

// Once a book is full of one neighbor's keys, more of them are not even forwarded.
func TestAFullBookStopsWhatOneNeighborSendsMore(t *testing.T) {
	d := smallBook(t)
	d.accept(t, setOffer("honest", epoch), fresh(1), direct(fresh(1), 1))
	accepted := d.flood(t, 4*small, 4*small, setOffer, direct(fresh(999), 200))
	if accepted > small+churnBurst {
		t.Errorf("%d accepted, want at most %d", accepted, small+churnBurst)
	}
	d.now = d.now.Add(time.Minute)
	if more := d.flood(t, 3*small, 3*small, setOffer, direct(fresh(999), 200)); more > churnBurst {
		t.Errorf("%d more accepted a minute later", more)
	}
}

// Forty devices behind one private address, or one public one, all find room beside a flood.
func TestDevicesBehindOneAddressAllFindRoom(t *testing.T) {
	for name, share := range map[string]netip.Prefix{
		"one public address": netip.MustParsePrefix("8.8.8.0/24"),
		"private addresses":  {},
	} {
		t.Run(name, func(t *testing.T) {
			d := smallBook(t)
			d.flood(t, 4*small, 20, setOffer, direct(fresh(999), 200))
			for i := range 40 {
				d.accept(t, setOffer(fmt.Sprint("device ", i), epoch), fresh(i), Source{Peer: idOf(fresh(i)), Range: share})
			}
			for i := range 40 {
				if len(d.Live(Query{Root: cidOf(fmt.Sprint("device ", i))})) == 0 {
					t.Errorf("the set of device %d was displaced", i)
				}
			}
		})
	}
}

func TestABookFilledInAnEarlierRunAdmitsAndRecovers(t *testing.T) {
	d := smallBook(t)
	d.flood(t, 4*small, 20, taskOffer, direct(fresh(999), 200))
	d.flood(t, 4*small, 20, setOffer, direct(fresh(999), 200))
	d.reopen(t)
	d.Reserve(cidOf("task"))
	if len(d.records) < small/2 {
		t.Fatalf("%d records after a restart", len(d.records))
	}
	for i := range 20 {
		d.accept(t, setOffer(fmt.Sprint("set ", i), epoch), fresh(i), direct(fresh(i), byte(i)))
		d.accept(t, taskOffer(fmt.Sprint("task ", i), epoch), fresh(i), direct(fresh(i), byte(i)))
	}
	d.now = epoch.Add(2 * time.Hour)
	d.Sweep()
	if len(d.records) != 0 {
		t.Errorf("%d records once all have expired", len(d.records))
	}
}

// Without this a record that is announced again and again would be written to disk and
// forwarded as often as its signer likes.
func TestRenewalsAreLimitedToo(t *testing.T) {
	d := smallBook(t)
	renew := func(n int) (accepted int) {
		for i := range n {
			a := setOffer("set", epoch)
			a.Seq = uint64(d.now.Unix()) + uint64(i)
			if v, _ := d.take(t, a, fresh(1), direct(fresh(1), 1)); v == Accept {
				accepted++
			}
		}
		return accepted
	}
	if n := renew(4 * small); n != renewBurst+1 {
		t.Errorf("%d accepted at once, want a first one and %d renewals", n, renewBurst)
	}
	d.now = d.now.Add(2 * renewEvery)
	if n := renew(4 * small); n != 2 {
		t.Errorf("%d accepted after two intervals", n)
	}
	a := setOffer("set", epoch)
	a.Seq, a.Kind = uint64(d.now.Unix())+4*small, Withdraw
	d.accept(t, a, fresh(1), direct(fresh(1), 1)) // whatever was renewed before
	a.Seq, a.Kind = a.Seq+1, Offer
	if v, err := d.take(t, a, fresh(1), direct(fresh(1), 1)); v != Ignore || !errors.Is(err, ErrTooOften) {
		t.Errorf("offered once more: %v, %v", v, err)
	}
}

// A record that has expired takes up its room for a while.
func TestShortLivesDoNotFillTheBookAgainAndAgain(t *testing.T) {
	d := smallBook(t)
	brief := func(name string, issued time.Time) Announcement {
		a := setOffer(name, issued)
		a.Expires = issued.Add(time.Second)
		return a
	}
	accepted := 0
	for range 5 {
		accepted += d.flood(t, small+accepted, 4*small, brief, direct(fresh(999), 200))
		d.now = d.now.Add(2 * time.Second)
	}
	if accepted > small+churnBurst+10 {
		t.Errorf("%d accepted in 10 s, want one book full", accepted)
	}
}

func TestOneSignerHasAQuota(t *testing.T) {
	d := smallBook(t)
	for i := range small / 8 {
		d.accept(t, setOffer(fmt.Sprint(i), epoch), fresh(1), direct(fresh(1), 1))
	}
	v, err := d.take(t, setOffer("more", epoch), fresh(1), direct(fresh(1), 1))
	if v != Ignore || !errors.Is(err, ErrOverQuota) {
		t.Errorf("%v, %v", v, err)
	}
	d.now = epoch.Add(2 * time.Hour) // all expired: there is room again
	d.accept(t, setOffer("more", d.now), fresh(1), direct(fresh(1), 1))
}

// Earlier versions sign for up to 30 days. Such a record is accepted, and its node's own
// are never refused, but it ends as early as any other.
func TestALongLifeIsCutShort(t *testing.T) {
	d := smallBook(t)
	a := setOffer("set", epoch)
	a.Expires = epoch.Add(30 * 24 * time.Hour)
	d.accept(t, a, fresh(1), direct(fresh(1), 1))
	d.now = epoch.Add(MaxLifetime - time.Second)
	if len(d.Live(Query{})) != 1 || len(d.Held(a.Task)) != 1 {
		t.Error("not live for as long as any other")
	}
	d.now = epoch.Add(MaxLifetime)
	if len(d.Live(Query{})) != 0 || len(d.Held(a.Task)) != 0 || d.Sweep() != 1 {
		t.Error("still there")
	}
	if v, err := d.take(t, a, fresh(2), direct(fresh(2), 1)); v != Ignore || !errors.Is(err, ErrExpired) {
		t.Errorf("received afterwards: %v, %v", v, err)
	}
}

func TestRecordsAreCountedWhereTheyEnterTheMesh(t *testing.T) {
	a, b := fresh(1), fresh(2)
	public := netip.MustParsePrefix("8.8.8.0/24")
	for _, tt := range []struct {
		name   string
		x, y   Source
		by     crypto.PrivKey // signer of both
		shared bool
	}{
		{"two neighbors that relay", Source{Peer: idOf(b)}, Source{Peer: idOf(fresh(3))}, a, false},
		{"the signer and a neighbor that relays", Source{Peer: idOf(a)}, Source{Peer: idOf(b)}, a, false},
		{"two neighbors of one public range", Source{idOf(b), public}, Source{idOf(fresh(3)), public}, a, true},
		{"an earlier run and a neighbor", Source{}, Source{Peer: idOf(b)}, a, false},
	} {
		if same := tt.x.account(idOf(tt.by)) == tt.y.account(idOf(tt.by)); same != tt.shared {
			t.Errorf("%s: one account: %t", tt.name, same)
		}
	}
}

// Behind one relay, thousands of fresh keys announce one set each, for two hours. What
// others had announced through it before stays.
func TestFreshKeysBehindOneRelayDisplaceTheirOwnKind(t *testing.T) {
	d := smallBook(t)
	relay := Source{Peer: idOf(fresh(999)), Range: netip.MustParsePrefix("9.9.9.0/24")}
	const honest = 20
	for i := range honest {
		d.accept(t, setOffer(fmt.Sprint("set ", i), d.now), fresh(i), relay)
	}
	for i := range 1500 {
		d.now = d.now.Add(5 * time.Second)
		if i%60 == 0 { // every five minutes the honest renew
			for j := range honest {
				a := setOffer(fmt.Sprint("set ", j), d.now)
				a.Seq = uint64(2 + i)
				if v, err := d.take(t, a, fresh(j), relay); v != Accept {
					t.Fatalf("after %v: %v, %v", d.now.Sub(epoch), v, err)
				}
			}
		}
		a := setOffer(fmt.Sprint("fake ", i), d.now)
		a.Expires = a.Issued.Add(MaxLifetime)
		_, _ = d.take(t, a, fresh(2000+i), relay)
	}
	left := 0
	for i := range honest {
		left += d.Count(Query{Root: cidOf(fmt.Sprint("set ", i))})
	}
	if left != honest {
		t.Errorf("%d of %d records are left", left, honest)
	}
}

// score announces a score of a set of the task of these tests.
func scoreOffer(name string, issued time.Time) Announcement {
	a := setOffer(name, issued)
	a.Subject, a.Bytes, a.Blocks, a.Schema = SubjectScore, 0, 0, "score/1"
	return a
}

// A book that is full of sets still takes scores, an eighth of its size and no more, and
// gives up no set for them; nor does a set displace a score.
func TestScoresAndSetsDoNotDisplaceEachOther(t *testing.T) {
	for _, keys := range []int{9, 1000} {
		t.Run(fmt.Sprintf("%d keys", keys), func(t *testing.T) {
			d := smallBook(t)
			for i := range 5 {
				d.accept(t, scoreOffer(fmt.Sprint("set ", i), epoch), fresh(i), direct(fresh(i), byte(i)))
			}
			d.flood(t, 4*small, keys, setOffer, direct(fresh(999), 200))
			sets := d.Count(Query{Subject: SubjectSet})
			d.flood(t, 4*small, keys, scoreOffer, direct(fresh(998), 201))
			if n := d.Count(Query{Subject: SubjectSet}); n != sets {
				t.Errorf("%d of %d sets are left", n, sets)
			}
			if n := d.rooms[scores].held; n != small/8 {
				t.Errorf("%d scores held, want %d", n, small/8)
			}
			for i := range 5 {
				if d.Count(Query{Root: cidOf(fmt.Sprint("set ", i)), Subject: SubjectScore}) == 0 {
					t.Errorf("score %d was displaced", i)
				}
			}
		})
	}
}

// A score is a record like any other: nobody else can change, renew or take back what its
// signer says, an earlier one does not come back, and each counts for its root alone.
func TestAScoreIsBoundToItsSignerAndItsSet(t *testing.T) {
	d := smallBook(t)
	first, later := scoreOffer("set", epoch), scoreOffer("set", epoch)
	later.Seq, later.Body = 2, []byte{9}
	d.accept(t, later, fresh(1), direct(fresh(1), 1))
	if v, err := d.take(t, first, fresh(1), direct(fresh(2), 2)); v != Ignore || !errors.Is(err, ErrStale) {
		t.Errorf("an earlier one again: %v, %v", v, err)
	}
	withdrawal := later
	withdrawal.Kind, withdrawal.Seq = Withdraw, 3
	d.accept(t, withdrawal, fresh(2), direct(fresh(2), 2))
	if n := d.Count(Query{Root: cidOf("set"), Subject: SubjectScore}); n != 1 {
		t.Errorf("%d scores after another signer's withdrawal, want 1", n)
	}
	if n := d.Count(Query{Root: cidOf("another")}); n != 0 {
		t.Errorf("%d records about another set", n)
	}
	forged := bytes.Replace(seal(t, later, fresh(1)).Envelope, cidOf("set").Bytes(), cidOf("another").Bytes(), 1)
	if _, v, err := d.Receive(t.Context(), forged, Source{}, cidOf("task")); v != Reject || !errors.Is(err, ErrSignature) {
		t.Errorf("moved to another set: %v, %v", v, err)
	}
	d.now = epoch.Add(2 * time.Hour)
	if v, err := d.take(t, later, fresh(3), Source{}); v != Ignore || !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v, %v", v, err)
	}
}
