package node

import (
	"context"
	"errors"
	"testing"
)

// A state that cannot be kept is said once and ends nothing, but for work that
// is interrupted: its state would be lost.
func TestWorkGoesOnWithoutAState(t *testing.T) {
	full := errors.New("no space left on device")
	ctx, cancel := context.WithCancel(t.Context())
	var notes []string
	keep := patient(ctx, func(p Progress) { notes = append(notes, p.Note) }, func(int) error { return full })
	for step := range 3 {
		if err := keep(step); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
	}
	if len(notes) != 1 {
		t.Errorf("said %q", notes)
	}
	cancel()
	if err := keep(3); !errors.Is(err, full) {
		t.Errorf("interrupted: %v, want %v", err, full)
	}
}
