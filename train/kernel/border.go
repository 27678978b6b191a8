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
	wide, per := k.w+2*k.pad, k.perPart()
	small, large := k.h*k.w, (k.h+2*k.pad)*wide
	for m := part * per; m < min(k.maps, (part+1)*per); m++ {
		if k.away {
			x, out := k.x[m*large:(m+1)*large], k.out[m*small:(m+1)*small]
			for i := range k.h {
				copy(out[i*k.w:(i+1)*k.w], x[(i+k.pad)*wide+k.pad:])
			}
			continue
		}
		x, out := k.x[m*small:(m+1)*small], k.out[m*large:(m+1)*large]
		fill(out, k.value)
		for i := range k.h {
			copy(out[(i+k.pad)*wide+k.pad:], x[i*k.w:(i+1)*k.w])
		}
	}
}
