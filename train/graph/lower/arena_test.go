package lower

import "testing"

func TestLivesThatOverlapHaveMemoryOfTheirOwn(t *testing.T) {
	pieces := []*Piece{
		{Size: 100, First: 0, Last: 3},
		{Size: 50, First: 1, Last: 2},
		{Size: 80, First: 4, Last: 6},
		{Size: 10, First: 2, Last: 5},
		{Size: 64, First: 0, Last: 9},
		{Size: 0, First: 0, Last: 9},
	}
	total := Arrange(pieces)
	for i, a := range pieces {
		for j, b := range pieces {
			apart := a.Last < b.First || b.Last < a.First || a.Offset+a.Size <= b.Offset || b.Offset+b.Size <= a.Offset
			if i != j && !apart {
				t.Errorf("pieces %d and %d share memory: %+v, %+v", i, j, a, b)
			}
		}
		if a.Offset%Alignment != 0 || a.Offset+a.Size > total {
			t.Errorf("piece %d at %d of %d", i, a.Offset, total)
		}
	}
	if least := Aligned(100) + Aligned(50) + Aligned(64) + Aligned(10); total > least {
		t.Errorf("%d values, %d live at once", total, least)
	}
}
