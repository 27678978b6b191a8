package main

import (
	"io"
	"testing"
	"time"
)

// The short form of the attack: a smaller mesh, half a minute, every kind of attacker. Every
// honest set reaches every trainer. Figures of time and memory are the program's to state.
func TestEverySetReachesEveryTrainerWhileAllAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes for half a minute")
	}
	p := plan{last: 20 * time.Second, edges: 3, trainers: 2, attackers: len(kinds), sets: 4, rate: 50, tell: io.Discard,
		dir: t.TempDir()}
	var err error
	if p.program, err = build(t.Context(), p.dir); err != nil {
		t.Fatal(err)
	}
	got, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Published != p.edges*(p.sets-1) || got.Delivered != got.Wanted {
		t.Errorf("%d of %d sets of %d arrived", got.Delivered, got.Wanted, got.Published)
	}
	for _, kind := range kinds {
		if got.Said[kind] == 0 {
			t.Errorf("nobody did this: %s", kind)
		}
	}
	t.Logf("%+v", got)
}
