package announce

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// Source is where a record came from. The zero Source is no peer: a file, or an
// earlier run.
type Source struct {
	Peer  peer.ID      // the neighbor that sent it
	Range netip.Prefix // of the neighbor's public address; invalid when that is private
}

// account names whose room a record of signer takes up. A record that its signer sends
// itself counts for the signer's range of addresses, or where addresses are private, so
// that forty devices behind one address each have their own, for the signer. What a
// neighbor merely relays is counted apart from what it signs.
func (s Source) account(signer peer.ID) string {
	if s.Peer == "" {
		return "an earlier run"
	}
	name := string(s.Peer)
	if s.Range.IsValid() {
		name = s.Range.String()
	}
	if s.Peer != signer {
		return "relayed by " + name
	}
	return name
}

// earlier is the account of records that came by no peer: what an earlier run held,
// until it is announced again.
var earlier = Source{}.account("")

// purpose is what a record is worth to this node. Each has room of its own in a book,
// so that a flood of one kind does not displace the others.
type purpose int

const (
	own     purpose = iota // signed by this node: never displaced
	scores                 // of others, beside the room of all that follows
	inUse                  // about content of which this node has signed a record too
	joined                 // of tasks that this node has joined
	tasks                  // announces a task that it has not joined
	foreign                // of tasks that it has not joined
	purposes
)

// least is the part of a book that a purpose always has: 1/least. All but tasks and
// foreign records may have more while the book is not full. Scores displace each other and
// nothing else: they have so much beside the book, and no more.
var least = [purposes]int{scores: 8, inUse: 4, joined: 4, tasks: 4, foreign: 4}

// Limits of what is accepted beyond a first book full. All of it is written to disk and
// forwarded.
const (
	// occupies is how long a record takes up room at least, however soon it expires, so
	// that short lives do not let one fill the book again and again.
	occupies = 10 * time.Minute
	// A slot is renewed renewBurst times, then once per renewEvery: more often than
	// any node announces, and often enough for the shortest lifetimes.
	renewBurst = 16
	renewEvery = 15 * time.Second
	// Records that displace others of the same account: a burst, then so many a second.
	churnRate   = 0.2
	churnBurst  = 32
	maxAccounts = 4096 // of which the rate is remembered
	// sweepPause is the least time between two searches of a full book for what has
	// expired.
	sweepPause = time.Second
)

// account is what one account has in a book for one purpose.
type account struct {
	held    int
	signers map[peer.ID]map[slot]struct{}
}

// room is what a book holds for one purpose.
type room struct {
	held     int
	accounts map[string]*account
}

func (r *room) add(s slot, name string) {
	if r.accounts == nil {
		r.accounts = map[string]*account{}
	}
	a, ok := r.accounts[name]
	if !ok {
		a = &account{signers: map[peer.ID]map[slot]struct{}{}}
		r.accounts[name] = a
	}
	if a.signers[s.signer] == nil {
		a.signers[s.signer] = map[slot]struct{}{}
	}
	a.signers[s.signer][s] = struct{}{}
	a.held++
	r.held++
}

func (r *room) remove(s slot, name string) {
	a := r.accounts[name]
	delete(a.signers[s.signer], s)
	if len(a.signers[s.signer]) == 0 {
		delete(a.signers, s.signer)
	}
	if a.held--; a.held == 0 {
		delete(r.accounts, name)
	}
	r.held--
}

// largest returns the account that has most.
func (r *room) largest() (name string, most *account) {
	for n, a := range r.accounts {
		if most == nil || a.held > most.held {
			name, most = n, a
		}
	}
	return name, most
}

// signer returns what the signer has that has most, any of several.
func (a *account) signer() (most map[slot]struct{}) {
	for _, slots := range a.signers {
		if len(slots) > len(most) {
			most = slots
		}
	}
	return most
}

// churns reports whether a record of an account may displace another one of it now.
// Beyond maxAccounts all accounts start anew. Callers lock.
func (b *Book) churns(name string, now time.Time) bool {
	r, ok := b.churn[name]
	if !ok {
		if len(b.churn) >= maxAccounts {
			clear(b.churn)
		}
		r = rate.NewLimiter(churnRate, churnBurst)
		b.churn[name] = r
	}
	return r.AllowN(now, 1)
}

// renew returns when the slot of h will have been renewed as often as any honest signer
// would, after one more time; ok is false when that is too far ahead.
func (h held) renew(now time.Time) (paced time.Time, ok bool) {
	paced = later(h.paced, now).Add(renewEvery)
	return paced, !paced.After(now.Add(renewBurst * renewEvery))
}

// purposeOf returns what a record in slot s is worth now. Callers lock.
func (b *Book) purposeOf(s slot) purpose {
	_, signed := b.counters[s]
	switch {
	case signed:
		return own
	case s.subject == SubjectScore:
		return scores
	case s.root.Defined() && b.used[s.root]:
		return inUse
	case b.reserved[s.task]:
		return joined
	case s.subject == SubjectTask:
		return tasks
	}
	return foreign
}

// Reserve gives the records of a task, and the one that announces it, the room of
// joined tasks.
func (b *Book) Reserve(task cid.Cid) { b.reserve(task, true) }

// Release ends what Reserve began.
func (b *Book) Release(task cid.Cid) { b.reserve(task, false) }

func (b *Book) reserve(task cid.Cid, joined bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !task.Defined() || b.reserved[task] == joined {
		return
	}
	if b.reserved[task] = joined; !joined {
		delete(b.reserved, task)
	}
	b.move(b.byTask[task])
}

// use notes that this node signed a record in slot s. Callers lock.
func (b *Book) use(s slot) {
	if s.root.Defined() && !b.used[s.root] {
		b.used[s.root] = true
		b.move(b.byRoot[s.root])
	}
}

// move puts records into the rooms where they belong now. Callers lock.
func (b *Book) move(all map[*held]struct{}) {
	for _, h := range slices.Collect(maps.Keys(all)) {
		s := h.rec.slot()
		if p := b.purposeOf(s); p != h.purpose {
			b.rooms[h.purpose].remove(s, h.account)
			b.rooms[p].add(s, h.account)
			moved := *h
			moved.purpose = p
			b.replace(s, &moved)
		}
	}
}

// place puts h into the room of its slot, in place of what the slot held. Callers lock,
// and save.
func (b *Book) place(s slot, h held) {
	if old, ok := b.records[s]; ok {
		b.rooms[old.purpose].remove(s, old.account)
	}
	h.purpose = b.purposeOf(s)
	b.rooms[h.purpose].add(s, h.account)
	b.replace(s, &h)
	b.unsaved.slots[s] = struct{}{}
}

// replace makes h the entry of a slot, nil for none. Callers lock.
func (b *Book) replace(s slot, h *held) {
	if old, ok := b.records[s]; ok {
		b.removeFromIndexes(old)
		delete(b.records, s)
	}
	if h != nil {
		b.records[s] = h
		b.addToIndexes(h)
	}
}

// forget drops a slot. Callers lock, and save.
func (b *Book) forget(s slot) {
	h := b.records[s]
	b.rooms[h.purpose].remove(s, h.account)
	b.replace(s, nil)
	b.unsaved.slots[s] = struct{}{}
}

// capacity returns how many records a purpose may have when no other lacks room.
func (b *Book) capacity(p purpose) int {
	if p == scores || p == tasks || p == foreign {
		return max(1, b.opt.MaxRecords/least[p])
	}
	return b.opt.MaxRecords
}

// crowded returns the purpose that must give up a record before one for p is added; ok
// is false when none must.
func (b *Book) crowded(p purpose) (from purpose, ok bool) {
	if b.rooms[p].held >= b.capacity(p) {
		return p, true
	}
	if p == scores || len(b.records)-b.rooms[own].held-b.rooms[scores].held < b.opt.MaxRecords {
		return p, false
	}
	if b.rooms[p].held >= b.opt.MaxRecords/least[p] {
		from = p
	}
	for q := inUse; q < purposes; q++ {
		if q != p && (from == own || b.rooms[q].held > b.rooms[from].held) &&
			b.rooms[q].held > b.opt.MaxRecords/least[q] {
			from = q
		}
	}
	if from == own {
		from = p
	}
	return from, true
}

// makeRoom decides whether a record in the new slot s of an account may be added, and
// returns the slot that gives way, if one must: from the account that has most, one of
// the signer that has most. An account that has most itself displaces its own records,
// and only slowly once its signers have equally many: many fresh keys are no reason to
// replace a whole book again and again. Callers lock.
func (b *Book) makeRoom(s slot, name string, now time.Time) (victim *slot, err error) {
	p := b.purposeOf(s)
	from, full := b.crowded(p)
	if !full {
		return nil, nil
	}
	largest, most := b.rooms[from].largest()
	if most == nil {
		return nil, ErrOverQuota
	}
	if mine := b.rooms[from].accounts[name]; mine != nil && (name == largest || mine.held+1 >= most.held) {
		most = mine
		has, top := len(mine.signers[s.signer]), len(mine.signer())
		if has >= top || has+1 == top && !b.churns(name, now) {
			return nil, ErrOverQuota
		}
	}
	return b.victim(most), nil
}

// victim picks the record of an account that gives way: of the signers that have most, one
// of the younger half. So a flood of fresh keys displaces its own kind, and not what was there
// before it. A withdrawal goes last, since without it a replay could bring back what it
// withdrew. Callers lock.
func (b *Book) victim(a *account) *slot {
	most := len(a.signer())
	var offers, withdrawals []slot
	for _, slots := range a.signers {
		if len(slots) < most {
			continue
		}
		for s := range slots {
			if b.records[s].rec.Kind == Withdraw {
				withdrawals = append(withdrawals, s)
			} else {
				offers = append(offers, s)
			}
		}
	}
	if len(offers) == 0 {
		offers = withdrawals
	}
	slices.SortFunc(offers, func(x, y slot) int { return b.records[y].since.Compare(b.records[x].since) })
	return &offers[rand.IntN((len(offers)+1)/2)]
}
