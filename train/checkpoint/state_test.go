package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"testing"
)

func someState() State {
	return State{Identity: "run one", Step: 3, Arrays: map[string][]float32{"tiles": {1, -2}, "velocity": {0.5}},
		Numbers: map[string]float64{"rate": 1e-9, "counted": 7}}
}

// empty is a state of the same names and sizes.
func empty() State {
	return State{Identity: "run one", Arrays: map[string][]float32{"tiles": {0, 0}, "velocity": {0}},
		Numbers: map[string]float64{"rate": 0, "counted": 0}}
}

func TestAStateIsRestored(t *testing.T) {
	file, err := someState().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got := empty()
	if err := got.Restore(file, 3); err != nil {
		t.Fatal(err)
	}
	want := someState()
	if got.Step != 3 || !maps.EqualFunc(got.Arrays, want.Arrays, slices.Equal[[]float32]) || !maps.Equal(got.Numbers,
		want.Numbers) {
		t.Errorf("got %+v", got)
	}
}

func TestOtherStatesAreRefusedAndChangeNothing(t *testing.T) {
	for name, change := range map[string]func(s *State){
		"another identity":      func(s *State) { s.Identity = "run two" },
		"a step too many":       func(s *State) { s.Step = 4 },
		"an array of more":      func(s *State) { s.Arrays["tiles"] = []float32{1, 2, 3} },
		"an array missing":      func(s *State) { delete(s.Arrays, "tiles") },
		"an array of that name": func(s *State) { s.Arrays["other"] = s.Arrays["tiles"]; delete(s.Arrays, "tiles") },
		"an array more":         func(s *State) { s.Arrays["other"] = nil },
		"a number more":         func(s *State) { s.Numbers["other"] = 1 },
		"a number that is none": func(s *State) { s.Numbers["rate"] = math.NaN() },
		"a value that is none":  func(s *State) { s.Arrays["tiles"][0] = float32(math.Inf(1)) },
	} {
		s := someState()
		change(&s)
		file, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got := empty()
		if err := got.Restore(file, 3); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(empty()) {
			t.Errorf("%s left %v", name, got)
		}
	}
	s := empty()
	for _, file := range [][]byte{nil, []byte("no state")} {
		if err := s.Restore(file, 3); !errors.Is(err, ErrState) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// A training's state of an older version names the run otherwise and keeps shapes.
func TestOlderStatesOfTrainingsAreRead(t *testing.T) {
	file, err := Encode([]Tensor{F32("param.w", []int{1, 2}, []float32{4, 5})},
		map[string]string{"run": "x", "step": "2", "order": `["w"]`})
	if err != nil {
		t.Fatal(err)
	}
	s := State{Identity: "x", Arrays: map[string][]float32{"param.w": {0, 0}}}
	if err := s.Restore(file, 9); err != nil || s.Step != 2 || s.Arrays["param.w"][1] != 5 {
		t.Errorf("%+v, %v", s, err)
	}
}

type digested string

func (d digested) Digest(to io.Writer) { io.WriteString(to, string(d)) }

func TestIdentitiesDependOnSettingsAndData(t *testing.T) {
	all := []string{Identity[digested]("a"), Identity[digested]("b"), Identity("a", digested("x")),
		Identity("a", digested("x"), digested("y"))}
	slices.Sort(all)
	if len(slices.Compact(all)) != 4 || len(all[0]) != 64 {
		t.Errorf("%v", all)
	}
	if Identity("a", digested("x")) != Identity("a", digested("x")) {
		t.Error("one run has two identities")
	}
}

func FuzzReadState(f *testing.F) {
	file, err := someState().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Fuzz(func(t *testing.T, file []byte) {
		s := empty()
		if err := s.Restore(file, 3); err != nil && !errors.Is(err, ErrState) {
			t.Errorf("another error: %v", err)
		}
		if read, err := ReadState(file); err == nil {
			if _, err := read.Encode(); err != nil {
				t.Errorf("read but cannot be written: %v", err)
			}
		}
	})
}
