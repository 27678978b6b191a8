package announce

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

// disk is a datastore whose commits wait for the test, and fail if it says so.
type disk struct {
	datastore.Batching
	commits, failing atomic.Int64
	turn             chan struct{} // one for each commit; nil lets all through
}

type diskBatch struct {
	datastore.Batch
	*disk
}

func (d *disk) Batch(ctx context.Context) (datastore.Batch, error) {
	b, err := d.Batching.Batch(ctx)
	return diskBatch{b, d}, err
}

func (b diskBatch) Commit(ctx context.Context) error {
	b.commits.Add(1)
	if b.turn != nil {
		<-b.turn
	}
	if b.failing.Load() > 0 {
		return errors.New("the disk is full")
	}
	return b.Batch.Commit(ctx)
}

func onDisk(t *testing.T, d *disk) *testBook {
	t.Helper()
	b := newTestBook(t, nil)
	d.Batching = dssync.MutexWrap(datastore.NewMapDatastore())
	b.ds = d
	b.reopen(t)
	return b
}

// While the disk is busy with one record, twenty more come. They are seen at once, and
// written by one commit.
func TestASlowDiskDelaysNoReaderAndWritesWhatCameMeanwhileAtOnce(t *testing.T) {
	d := &disk{turn: make(chan struct{})}
	b := onDisk(t, d)
	var puts sync.WaitGroup
	put := func(i int) {
		r := seal(t, setOffer(fmt.Sprint("set ", i), epoch), fresh(i))
		puts.Go(func() {
			if v, err := b.Put(t.Context(), r, Source{}); v != Accept || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	await := func(what func() bool) {
		for !what() {
			runtime.Gosched()
		}
	}
	put(0)
	await(func() bool { return d.commits.Load() == 1 })
	for i := range 20 {
		put(i + 1)
	}
	await(func() bool { return len(b.Live(Query{Task: cidOf("task")})) == 21 })
	close(d.turn)
	puts.Wait()
	if n := d.commits.Load(); n != 2 {
		t.Errorf("%d commits, want 2", n)
	}
	b.reopen(t)
	if n := len(b.Live(Query{})); n != 21 {
		t.Errorf("%d of 21 records are on disk", n)
	}
}

func TestWhatADiskRefusesIsWrittenWithTheNextRecord(t *testing.T) {
	d := &disk{}
	b := onDisk(t, d)
	d.failing.Store(1)
	if v, err := b.take(t, setOffer("first", epoch), fresh(1), Source{}); v != Accept || err == nil {
		t.Errorf("%v, %v; want it kept in memory, and the error", v, err)
	}
	if _, err := b.Issue(t.Context(), keyOf(1), setOffer("own", epoch)); err == nil {
		t.Error("a record was signed whose number is not stored")
	}
	if n := len(b.Live(Query{Root: cidOf("own")})); n != 0 {
		t.Error("it is listed")
	}
	d.failing.Store(0)
	b.accept(t, setOffer("second", epoch), fresh(2), Source{})
	b.reopen(t)
	if n := len(b.Live(Query{})); n != 2 {
		t.Errorf("%d of 2 records are on disk", n)
	}
	before := d.commits.Load()
	b.reopen(t)
	if n := d.commits.Load() - before; n != 0 {
		t.Errorf("opening an unchanged book writes %d times", n)
	}
}

// Every way to ask finds what a search of all records would.
func TestIndexesFindWhatASearchOfAllRecordsFinds(t *testing.T) {
	b := newTestBook(t, nil)
	for i := range 40 {
		a := setOffer(fmt.Sprint("set ", i%10), epoch)
		if i%4 == 0 {
			a = taskOffer(fmt.Sprint("task ", i%8), epoch)
		}
		if i%5 == 0 && a.Subject == SubjectSet {
			a.Task = cidOf("elsewhere")
		}
		b.accept(t, a, fresh(i%7), Source{})
	}
	all := b.Live(Query{})
	for _, q := range []Query{
		{Root: cidOf("set 3")}, {Task: cidOf("task")}, {Task: cidOf("elsewhere")}, {Signer: idOf(fresh(2))},
		{Task: cidOf("task"), Signer: idOf(fresh(2))}, {Subject: SubjectTask}, {Subject: SubjectSet},
		{Subject: SubjectTask, Signer: idOf(fresh(4))}, {Root: cidOf("task 4")}, {Task: cidOf("task 4")},
		{Subject: SubjectTask, Task: cidOf("task 4")}, {Root: cidOf("nothing")},
	} {
		want := 0
		kinds := q
		kinds.Kinds = []Kind{Offer, Have}
		for _, r := range all {
			if kinds.matches(&r) {
				want++
			}
		}
		if got := len(b.Live(q)); got != want || b.Count(q) != want {
			t.Errorf("%+v: %d found, %d counted, want %d", q, got, b.Count(q), want)
		}
	}
	if got, want := len(b.Held(cidOf("task"))), b.Count(Query{Task: cidOf("task"), Subject: SubjectSet}); got != want {
		t.Errorf("%d records of a topic, want %d", got, want)
	}
	b.now = b.now.Add(MaxLifetime)
	b.Sweep()
	if len(b.byTask)+len(b.byRoot)+len(b.bySigner)+len(b.announce) != 0 {
		t.Error("indexes keep what is gone")
	}
}
