package data

import (
	"slices"
	"testing"
)

func TestHoldoutIsStratifiedAndTheSameEverywhere(t *testing.T) {
	labels := append(labelsOf(50, 3), 3, 3, 4)
	train, test := Holdout(labels, 6, .2, 0)
	counts := ClassTable(labels, 6, [][]int{train, test})
	if !slices.Equal(counts[0], []int{40, 40, 40, 1, 1, 0}) || !slices.Equal(counts[1], []int{10, 10, 10, 1, 0, 0}) {
		t.Errorf("%v", counts)
	}
	if !slices.Equal(test[:4], []int{0, 4, 5, 7}) {
		t.Errorf("the split has changed: %v; devices must agree for ever", test[:4])
	}
	if _, other := Holdout(labels, 6, .2, 1); slices.Equal(test, other) {
		t.Error("another seed, the same split")
	}
	if all, none := Holdout(labels, 6, 0, 0); len(all) != len(labels) || none != nil {
		t.Error("a fraction of 0 holds something out")
	}
}
