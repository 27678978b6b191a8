package state

import (
	"path/filepath"
	"reflect"
	"testing"
)

func TestWhatTrainingsLeftOutIsRememberedByTask(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	first := Quarantine{Out: map[string]string{"a": "wrong labels"}, Marked: map[string]string{"b": "alone"}}
	for _, step := range []struct {
		task string
		q    Quarantine
	}{{"one", first}, {"two", Quarantine{Out: map[string]string{"c": "noise"}}}, {"two", Quarantine{}}} {
		if err := s.SetQuarantine(step.task, step.q); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Quarantine("one"); !reflect.DeepEqual(got, first) || len(again.Quarantines()) != 1 {
		t.Errorf("%+v of %v", got, again.Quarantines())
	}
	if got := again.Quarantine("two"); len(got.Out)+len(got.Marked) != 0 {
		t.Errorf("a task whose sets are all good: %+v", got)
	}
	// Strangers announce tasks, and a trainer leaves them again.
	if err := s.SetQuarantine(taskA.String(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveTask(taskA); err != nil || len(s.Quarantines()) != 1 {
		t.Errorf("%v of %v are left with a task that was left", err, s.Quarantines())
	}
}
