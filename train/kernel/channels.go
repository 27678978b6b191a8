package kernel

// ChannelSum adds up neighboring channels: out[c] = x[c-Before] + ... +
// x[c+After], where these exist.
type ChannelSum struct {
	images, channels, area int
	before, after          int
	x, out                 []float32
}

// NewChannelSum prepares images of channels x area values.
func NewChannelSum(images, channels, area, before, after int) *ChannelSum {
	return &ChannelSum{images: images, channels: channels, area: area, before: before, after: after}
}

// Run fills out from x, both images x channels x area.
func (k *ChannelSum) Run(p *Pool, x, out []float32) {
	k.x, k.out = x, out
	p.Run(k.images, k)
	k.x, k.out = nil, nil
}

// Part implements Task: one image.
func (k *ChannelSum) Part(_ *Scratch, n int) {
	size := k.channels * k.area
	x, out := k.x[n*size:(n+1)*size], k.out[n*size:(n+1)*size]
	for c := range k.channels {
		dst := out[c*k.area : (c+1)*k.area]
		first, last := max(0, c-k.before), min(k.channels-1, c+k.after)
		copy(dst, x[first*k.area:])
		for from := first + 1; from <= last; from++ {
			Add.Both(k.area, dst, dst, x[from*k.area:])
		}
	}
}
