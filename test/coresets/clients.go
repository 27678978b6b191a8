package main

import (
	"context"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/linear"
)

// clientCount is how many devices share the data in a ring.
const clientCount = 10

// clients measures what ten clients that distill apart give merged: label-solve
// with labels solved and not, through the NTK predictor, and ridge by the union
// of sets and by statistics.
func (b *bench) clients() error {
	fmt.Println("data           classes  method                                 model      ipc  accuracy in %")
	for _, classes := range []int{2, 5, 10} {
		parts, err := data.Split{Kind: data.Ring, Clients: clientCount, PerClient: classes}.Parts(b.Train.Y, b.Train.Classes)
		if err != nil {
			return err
		}
		for _, start := range []string{"random", "k-means"} {
			for _, ipc := range []int{1, 10} {
				for _, labels := range []string{"fixed", "solved"} {
					label := "label-solve:start=" + start + ":labels=" + labels
					if err := b.union(parts, classes, label, "ntk:1", ipc); err != nil {
						return err
					}
				}
			}
		}
		for _, method := range []string{"ridge", "ridge:lambda=10000"} {
			for _, student := range []string{"ridge", "ridge:100"} {
				if err := b.union(parts, classes, method, student, 1); err != nil {
					return err
				}
			}
		}
		if err := b.merged(parts, classes); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) line(classes int, method, consumer string, ipc int, score trial.Result, more string) {
	fmt.Printf("%-14s %-8d %-38s %-10s %-4d %.2f %s\n", b.Task.Name, classes, method, consumer, ipc, 100*score.Accuracy,
		more)
}

// union trains on all clients' sets together.
func (b *bench) union(parts [][]int, classes int, label, consumer string, ipc int) error {
	m, err := methodOf(label)
	if err != nil {
		return err
	}
	var sets []*data.Samples
	for i, part := range parts {
		r, err := m.Distill(context.Background(), distill.Request{Samples: b.Train.Subset(part), IPC: ipc, Seed: uint64(i)})
		if err != nil {
			return err
		}
		sets = append(sets, r.Images)
	}
	all, err := data.Merge(sets...)
	if err != nil {
		return err
	}
	score, err := b.Score(consumer, all)
	b.line(classes, label, consumer, ipc, score, "")
	return err
}

// merged trains on the images of all clients' statistics, as they are sent.
func (b *bench) merged(parts [][]int, classes int) error {
	var sent []*linear.Statistics
	size := 0
	for _, part := range parts {
		s, err := ridge.Statistics(context.Background(), b.Train.Subset(part), 0)
		if err != nil {
			return err
		}
		file, err := s.Encode()
		if err != nil {
			return err
		}
		if s, err = linear.Decode(file, s.Shape, s.Classes); err != nil {
			return err
		}
		sent, size = append(sent, s), len(file)
	}
	r, err := ridge.Default().Merge(context.Background(), sent, distill.Request{IPC: 1})
	if err != nil {
		return err
	}
	score, err := b.Score(r.Consumer, r.Images)
	b.line(classes, "ridge by statistics", r.Consumer, 1, score, fmt.Sprintf("(%d bytes per client)", size))
	return err
}
