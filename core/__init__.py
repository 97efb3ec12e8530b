"""Fovea's shared package. Imports go one way, from the bottom of this map to its top.

=============  ==================================================================================================
``ui``         components of the pages and the Gradio widgets; the only layer that imports streamlit or gradio
``studies``    runs made to be compared: which belong together, and what may be claimed of them
``inference``  a checkpoint made usable: one picture in, a prediction out, rendered
``runs``       the record of trainings (store), how they start (launcher, executor) and the process that trains
``experiments``  the catalogue: one file is one experiment
``tasks``      the kinds of learning problem: batch to loss, split to scores
``engine``     the loop: steps, epochs, checkpoints, device and precision
``data``       pictures, layouts, synthetic sets, fingerprints
``metrics``    scores accumulated over a whole split
``models``     networks: tensors in, tensors out
``config``     knobs; with ``errors``, ``paths``, ``files`` and ``public`` the ground on which everything stands
=============  ==================================================================================================
"""
