package federated

import (
	"context"
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/device"
)

func TestAnInterruptedRunGoesOnToTheSameBits(t *testing.T) {
	clients := skewed(fewer([]int{5, 9, 3}, []int{20, 9, 3, 17, 22})...)
	net := network(t, "mlp", table, classes)
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			want := mustRun(t, net, clients, c, Options{})
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			_, err := Run(ctx, net, clients, c, Options{Device: device.Choice{Workers: 1}, Client: func(done, of int) {
				if calls++; calls == of+1 { // within the second round
					cancel()
				}
			}})
			var stopped *Interrupted
			if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) || stopped.State.Round != 1 {
				t.Fatalf("interrupted run gave %v", err)
			}
			file, err := stopped.State.Encode()
			if err != nil {
				t.Fatal(err)
			}
			state, err := DecodeState(file)
			if err != nil {
				t.Fatal(err)
			}
			got := mustRun(t, net, clients, c, Options{Resume: &state, Device: device.Choice{Workers: 2}})
			sameBits(t, "resumed", flat(want.Model), flat(got.Model))
			if got.Bytes != want.Bytes || got.Steps != want.Steps {
				t.Errorf("resumed: %v, %d steps; at once: %v, %d", got.Bytes, got.Steps, want.Bytes, want.Steps)
			}
			other := c
			other.LR = 0.01
			if _, err := Run(context.Background(), net, clients, other, Options{Resume: &state}); !errors.Is(err,
				checkpoint.ErrState) {
				t.Errorf("a state of another rate gave %v", err)
			}
		})
	}
}

func TestARunCanBeMadeLonger(t *testing.T) {
	clients, net, c := skewed(20, 9), network(t, "mlp", table, classes), quick(SCAFFOLD)
	var states []State
	want := mustRun(t, net, clients, c, Options{Checkpoint: func(s State) error {
		states = append(states,
			s)
		return nil
	}})
	c.Rounds = 2
	short := mustRun(t, net, clients, c, Options{Resume: &states[1]})
	if short.Bytes.Up != 2*want.Bytes.Up/3 {
		t.Errorf("two rounds sent %d bytes, three %d", short.Bytes.Up, want.Bytes.Up)
	}
	if _, err := Run(context.Background(), net, clients, c, Options{Resume: &states[2]}); !errors.Is(err,
		checkpoint.ErrState) {
		t.Errorf("a state beyond the last round gave %v", err)
	}
	c.Rounds = 3
	sameBits(t, "three rounds from two", flat(want.Model),
		flat(mustRun(t, net, clients, c, Options{Resume: &states[1]}).Model))
}

func FuzzDecodeState(f *testing.F) {
	for _, s := range []State{{Round: 1, Run: "r", model: []float32{1, 2}},
		{Run: "r", model: []float32{1}, controls: map[int][]float32{0: {2}, 7: {3}}}} {
		file, err := s.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := DecodeState(file)
		if err != nil {
			return
		}
		if _, err := s.Encode(); err != nil {
			t.Errorf("decoded but cannot be encoded: %v", err)
		}
	})
}
