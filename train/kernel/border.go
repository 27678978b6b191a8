package kernel

// Border puts a margin of one value around maps, or takes it away.
type Border struct {
	maps, h, w, pad int
	value           float32
	away            bool
	x, out          []float32
}

// NewPad prepares maps of h x w values that become (h+2pad) x (w+2pad), with
// value in the margin.
func NewPad(maps, h, w, pad int, value float32) *Border {
	return &Border{maps: maps, h: h, w: w, pad: pad, value: value}
}

// NewCrop prepares the way back to h x w.
func NewCrop(maps, h, w, pad int) *Border {
	return &Border{maps: maps, h: h, w: w, pad: pad, away: true}
}

func (k *Border) perPart() int { return max(1, grain/max(1, k.h*k.w)) }

// Run fills out from x.
func (k *Border) Run(p *Pool, x, out []float32) {
	k.x, k.out = x, out
	p.Run(ceilDiv(k.maps, k.perPart()), k)
	k.x, k.out = nil, nil
}

// Part implements Task: several maps.
func (k *Border) Part(_ *Scratch, part int) {
	small, large := k.sizes()
	first := part * k.perPart()
	last := min(k.maps, first+k.perPart())
	if k.away {
		small, large = large, small
	}
	k.Maps(last-first, k.x[first*small:last*small], k.out[first*large:last*large])
}

// sizes are the values of a map without and with its margin.
func (k *Border) sizes() (small, large int) { return k.h * k.w, (k.h + 2*k.pad) * (k.w + 2*k.pad) }

// Maps does several maps on the caller's goroutine.
func (k *Border) Maps(maps int, x, out []float32) {
	small, large := k.sizes()
	wide := k.w + 2*k.pad
	if !k.away {
		fill(out[:maps*large], k.value)
	}
	for m := range maps {
		for i := range k.h {
			inner, outer := m*small+i*k.w, m*large+(i+k.pad)*wide+k.pad
			if k.away {
				copy(out[inner:inner+k.w], x[outer:])
			} else {
				copy(out[outer:outer+k.w], x[inner:])
			}
		}
	}
}
